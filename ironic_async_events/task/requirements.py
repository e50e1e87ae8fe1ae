# SPDX-License-Identifier: Apache-2.0
"""What the task manager replaces, overrides, and uses in private."""

from ironic_async_events.patching import patched
from ironic_async_events.patching.requirement import INIT_HOST
from ironic_async_events.patching.requirement import Requirement
from ironic_async_events.patching.requirement import in_manager
from ironic_async_events.patching.requirement import in_node
from ironic_async_events.patching.requirement import in_task_manager

# Also for an Ironic that has the task manager already.
_ALWAYS = (
    in_manager(
        INIT_HOST,
        'errors of the database must not repeat the passwords of nodes',
        'redaction:hiding_parameters',
    ),
    in_manager(
        INIT_HOST,
        'the conductor says that it runs with the plugin, or refuses',
        'patching.installer:confirming',
    ),
    Requirement(
        'ironic.db.sqlalchemy.api',
        '_session_for_read; _session_for_write',
        'what belongs together is saved in one transaction',
    ),
    in_node(
        'Node._changed_fields; Node._context',
        'they are what a save writes, and what it leaves',
    ),
)

REQUIREMENTS = (
    in_task_manager(
        'TaskManager(context, node_id, shared, purpose, retry, patient, '
        'load_driver)',
        'its workers shall save the state',
        'patching.loader:task_manager',
    ),
    in_task_manager(
        'TaskManager.process_event(self, event, callback, call_args, '
        'call_kwargs, err_handler, target_state, last_error); '
        'TaskManager.spawn_after(self, _spawn_method, args, kwargs); '
        'TaskManager.set_spawn_error_hook(self, _on_error_method, args, '
        'kwargs); '
        'TaskManager._lock(self); '
        'TaskManager.release_resources(self); '
        'TaskManager._thread_release_resources(self, fut); '
        'TaskManager._write_exception(self, future); '
        'TaskManager.__exit__(self, exc_type, exc_val, exc_tb)',
        'the task manager of the plugin overrides or calls it',
    ),
    in_task_manager(
        'TaskManager._spawn_method; TaskManager._spawn_args; '
        'TaskManager._spawn_kwargs; TaskManager._on_error_method; '
        'TaskManager._on_error_args; TaskManager._on_error_kwargs',
        'the callback is decorated before it is spawned',
    ),
    *(
        in_manager(
            f'ConductorManager.continue_node_{kind}(self, context, node_id)',
            'a node whose operation cannot go on must keep waiting',
            'task.drop_in:late',
            optional=kind == 'service',
        )
        for kind in ('clean', 'deploy', 'service')
    ),
    in_manager(
        'ConductorManager._do_abort(self, task)',
        'the abort of a service fails the node before it asks for a worker',
        'task.drop_in:late',
    ),
    *_ALWAYS,
)


def table() -> tuple[Requirement, ...]:
    """Return what is required of the installed Ironic."""
    return _ALWAYS if patched.is_patched() else REQUIREMENTS
