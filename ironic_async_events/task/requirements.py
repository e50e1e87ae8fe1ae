# SPDX-License-Identifier: Apache-2.0
"""What the task manager replaces, overrides, and uses in private."""

from ironic_async_events.patching.requirement import MANAGER
from ironic_async_events.patching.requirement import TASK_MANAGER
from ironic_async_events.patching.requirement import Requirement
from ironic_async_events.task import patched

_START = (
    Requirement(
        MANAGER,
        'ConductorManager.init_host',
        'errors of the database must not repeat the passwords of nodes',
        'self admin_context start_consoles start_allocations',
        'task.database:hiding_parameters',
    ),
    Requirement(
        MANAGER,
        'ConductorManager.init_host',
        'the conductor says that it runs with the plugin, or refuses',
        'self admin_context start_consoles start_allocations',
        'patching.installer:confirming',
    ),
)

REQUIREMENTS = (
    Requirement(
        TASK_MANAGER,
        'TaskManager',
        'its workers shall save the state',
        'context node_id shared purpose retry patient load_driver',
        'task.loader:task_manager',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.process_event',
        'Ironic passes its callbacks with its events',
        'self event callback call_args call_kwargs err_handler target_state '
        'last_error',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.spawn_after',
        'it keeps what the end of the with block spawns',
        'self _spawn_method args kwargs',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.set_spawn_error_hook',
        'hooks are called when no worker can be had',
        'self _on_error_method args kwargs',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager._lock TaskManager.release_resources',
        'the node is remembered while it is locked',
        'self',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager._thread_release_resources',
        'it ends the work of a worker',
        'self fut',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager._write_exception',
        'the text of a database error must not be recorded',
        'self future',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.__exit__',
        'it starts the worker',
        'self exc_type exc_val exc_tb',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager._spawn_method TaskManager._spawn_args '
        'TaskManager._spawn_kwargs TaskManager._on_error_method '
        'TaskManager._on_error_args TaskManager._on_error_kwargs',
        'the callback is decorated before it is spawned',
    ),
    *(
        Requirement(
            MANAGER,
            f'ConductorManager.continue_node_{kind}',
            'a node whose operation cannot go on must keep waiting',
            'self context node_id',
            'task.drop_in:late',
            optional=kind == 'service',
        )
        for kind in ('clean', 'deploy', 'service')
    ),
    Requirement(
        MANAGER,
        'ConductorManager._do_abort',
        'the abort of a service fails the node before it asks for a worker',
        'self task',
        'task.drop_in:late',
    ),
    Requirement(
        'ironic.objects.node',
        'Node._changed_fields Node._context Node._from_db_object',
        'one UPDATE does what saving a node does',
    ),
    Requirement(
        'ironic.db.sqlalchemy.api',
        '_session_for_read _session_for_write',
        'a state and its notification are saved in one transaction',
    ),
    *_START,
)


def table() -> tuple[Requirement, ...]:
    """Return what is required of the installed Ironic."""
    return _START if patched.is_patched() else REQUIREMENTS
