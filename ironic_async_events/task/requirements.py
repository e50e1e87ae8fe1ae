# SPDX-License-Identifier: Apache-2.0
"""What the task manager replaces, overrides, and uses in private."""

from ironic_async_events.patching import patched
from ironic_async_events.patching.requirement import MANAGER
from ironic_async_events.patching.requirement import TASK_MANAGER
from ironic_async_events.patching.requirement import Requirement

_START = (
    Requirement(
        MANAGER,
        'ConductorManager.init_host(self, admin_context, start_consoles, '
        'start_allocations)',
        'errors of the database must not repeat the passwords of nodes',
        'redaction:hiding_parameters',
    ),
    Requirement(
        MANAGER,
        'ConductorManager.init_host(self, admin_context, start_consoles, '
        'start_allocations)',
        'the conductor says that it runs with the plugin, or refuses',
        'patching.installer:confirming',
    ),
)

REQUIREMENTS = (
    Requirement(
        TASK_MANAGER,
        'TaskManager(context, node_id, shared, purpose, retry, patient, '
        'load_driver)',
        'its workers shall save the state',
        'patching.loader:task_manager',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.process_event(self, event, callback, call_args, '
        'call_kwargs, err_handler, target_state, last_error)',
        'Ironic passes its callbacks with its events',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.spawn_after(self, _spawn_method, args, kwargs)',
        'it keeps what the end of the with block spawns',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.set_spawn_error_hook(self, _on_error_method, args, '
        'kwargs)',
        'hooks are called when no worker can be had',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager._lock(self)',
        'the node is remembered when it is locked',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.release_resources(self)',
        'it ends the work of a task',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager._thread_release_resources(self, fut)',
        'it ends the work of a worker',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager._write_exception(self, future)',
        'the text of a database error must not be recorded',
    ),
    Requirement(
        TASK_MANAGER,
        'TaskManager.__exit__(self, exc_type, exc_val, exc_tb)',
        'it starts the worker',
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
            f'ConductorManager.continue_node_{kind}(self, context, node_id)',
            'a node whose operation cannot go on must keep waiting',
            'task.drop_in:late',
            optional=kind == 'service',
        )
        for kind in ('clean', 'deploy', 'service')
    ),
    Requirement(
        MANAGER,
        'ConductorManager._do_abort(self, task)',
        'the abort of a service fails the node before it asks for a worker',
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
