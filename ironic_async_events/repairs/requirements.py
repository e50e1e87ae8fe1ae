# SPDX-License-Identifier: Apache-2.0
"""What each repair replaces and uses in private, by the name of the repair.

Only repairs that are switched on import their modules.
"""

import functools

from ironic_async_events.patching.requirement import MANAGER
from ironic_async_events.patching.requirement import TASK_MANAGER
from ironic_async_events.patching.requirement import Requirement

_in_node = functools.partial(Requirement, 'ironic.objects.node')
_in_manager = functools.partial(Requirement, MANAGER)
_in_task_manager = functools.partial(Requirement, TASK_MANAGER)

REQUIREMENTS: dict[str, tuple[Requirement, ...]] = {
    'locks': (
        _in_task_manager(
            'TaskManager.__init__(self, context, node_id, shared, purpose, '
            'retry, patient, load_driver)',
            'a task must not read its node twice',
            'repairs.reserving:making',
        ),
        _in_node(
            'Node.get(cls, context, node_id)',
            'a task asks for the UUID of its node',
            'repairs.reserving:naming',
        ),
        _in_task_manager(
            'TaskManager._lock(self)',
            'a lock must not be left when the answer of the database is lost',
            'repairs.locking:locking',
        ),
        _in_task_manager(
            'TaskManager.downgrade_lock(self)',
            'a task must not release the lock of another',
            'repairs.locking:downgrading',
        ),
        _in_task_manager(
            'TaskManager.release_resources(self)',
            'a lock must be released when the database is back',
            'repairs.locking:releasing',
        ),
        _in_node(
            'Node.reserve(cls, context, tag, node_id)',
            'one UPDATE and one read lock a node, and the process knows '
            'which of its tasks holds the lock',
            'repairs.locking:recording',
        ),
        _in_node(
            'Node.release(cls, context, tag, node_id)',
            'one UPDATE unlocks a node',
            'repairs.reserving:releasing',
        ),
        _in_task_manager('TaskManager._purpose', 'the log names the task'),
    ),
    'saves': (
        _in_node(
            'Node.save(self, context)',
            'one UPDATE saves a node',
            'repairs.saves:in_one_update',
        ),
    ),
    'turns': (
        Requirement(
            'ironic.db.sqlalchemy.api',
            'Connection._do_update_node(self, node_id, values)',
            'only one thread can write to SQLite',
            'task.database:in_turn',
        ),
    ),
    'retries': (
        Requirement(
            'ironic.db.sqlalchemy.api',
            'Connection._do_update_node(self, node_id, values)',
            'a save that another writer rolled back must be retried',
            'task.database:retried',
        ),
        Requirement(
            'oslo_db.api',
            'DBAPI.__getattr__(self, key)',
            'an operation must survive a lost connection',
            'repairs.retries:in_operations',
        ),
    ),
    'pool': (
        _in_manager(
            'ConductorManager._init_executors(self, total_workers, '
            'reserved_percentage)',
            'a pool must not count workers that never started',
            'repairs.pool:recovering',
        ),
        _in_manager(
            'ConductorManager._executor; ConductorManager._reserved_executor',
            'they are the pools of a conductor',
        ),
        Requirement(
            'futurist',
            'ThreadPoolExecutor._add_thread; '
            'ThreadPoolExecutor._check_and_reject; '
            'ThreadPoolExecutor._max_workers; '
            'ThreadPoolExecutor._work_queue; ThreadPoolExecutor._workers',
            'a pool keeps its workers and its work there',
        ),
    ),
    'orphans': (
        _in_manager(
            'ConductorManager._check_orphan_nodes(self, context)',
            'the next pass must retry a node that was not taken over',
            'repairs.orphans:found_again',
        ),
    ),
    'continuations': (
        *(
            _in_manager(
                f'ConductorManager.continue_node_{kind}(self, context, '
                'node_id)',
                'a continuation that is refused must be tried again',
                'repairs.continuations:remembering',
                optional=kind == 'service',
            )
            for kind in ('clean', 'deploy', 'service')
        ),
        _in_manager(
            'ConductorManager._collect_periodic_tasks(self, admin_context)',
            'a periodic task of the conductor tries again',
            'repairs.continuations:collecting',
        ),
        Requirement(
            'ironic.conductor.notification_utils',
            'emit_provision_set_notification(task, level, status, '
            'prev_state, prev_target, event)',
            'a node whose state has changed waits for something else',
            'repairs.continuations:forgetting',
        ),
        _in_task_manager(
            'acquire(context, args, kwargs)',
            'a node is continued under the lock under which it was checked',
            'repairs.continuations:lending',
        ),
        _in_manager(
            'ConductorManager._mapped_to_this_conductor; '
            'ConductorManager._periodic_tasks; '
            'ConductorManager._spawn_worker',
            'a periodic task asks for a worker for each node',
        ),
    ),
}
