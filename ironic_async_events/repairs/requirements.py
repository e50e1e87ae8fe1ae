# SPDX-License-Identifier: Apache-2.0
"""What each repair replaces and uses in private, by the name of the repair.

Only repairs that are switched on import their modules.
"""

from ironic_async_events.patching.requirement import MANAGER
from ironic_async_events.patching.requirement import TASK_MANAGER
from ironic_async_events.patching.requirement import Requirement

_NODE = 'ironic.objects.node'
_API = 'ironic.db.sqlalchemy.api'

REQUIREMENTS: dict[str, tuple[Requirement, ...]] = {
    'locks': (
        Requirement(
            TASK_MANAGER,
            'TaskManager._lock(self)',
            'a lock must not be left when the answer of the database is lost',
            'repairs.locking:locking',
        ),
        Requirement(
            TASK_MANAGER,
            'TaskManager.downgrade_lock(self)',
            'a task must not release the lock of another',
            'repairs.locking:downgrading',
        ),
        Requirement(
            TASK_MANAGER,
            'TaskManager.release_resources(self)',
            'a lock must be released when the database is back',
            'repairs.locking:releasing',
        ),
        Requirement(
            _NODE,
            'Node.reserve(cls, context, tag, node_id)',
            'one UPDATE and one read lock a node',
            'repairs.reserving:reserving',
        ),
        Requirement(
            _NODE,
            'Node.reserve(cls, context, tag, node_id)',
            'the process knows which of its tasks holds a lock',
            'repairs.locking:reserving',
        ),
        Requirement(
            _NODE,
            'Node.release(cls, context, tag, node_id)',
            'one UPDATE unlocks a node',
            'repairs.reserving:releasing',
        ),
        Requirement(
            TASK_MANAGER,
            'TaskManager._purpose',
            'the log says what a task was locked for',
        ),
        Requirement(
            _NODE,
            'Node._from_db_object',
            'a node object is made of the row that is read',
        ),
        Requirement(
            _API,
            '_session_for_read',
            'a busy SQLite is asked who has the lock',
        ),
    ),
    'turns': (
        Requirement(
            _API,
            'Connection._do_update_node(self, node_id, values)',
            'only one thread can write to SQLite',
            'repairs.turns:in_turn',
        ),
    ),
    'retries': (
        Requirement(
            _API,
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
        Requirement(
            MANAGER,
            'ConductorManager._init_executors(self, total_workers, '
            'reserved_percentage)',
            'a pool must not count workers that never started',
            'repairs.pool:recovering',
        ),
        Requirement(
            MANAGER,
            'ConductorManager._executor ConductorManager._reserved_executor',
            'they are the pools of a conductor',
        ),
        Requirement(
            'futurist',
            'ThreadPoolExecutor._add_thread '
            'ThreadPoolExecutor._check_and_reject '
            'ThreadPoolExecutor._max_workers ThreadPoolExecutor._work_queue '
            'ThreadPoolExecutor._workers',
            'a pool keeps its workers and its work there',
        ),
    ),
    'orphans': (
        Requirement(
            MANAGER,
            'ConductorManager._check_orphan_nodes(self, context)',
            'the next pass must retry a node that was not taken over',
            'repairs.orphans:found_again',
        ),
    ),
    'continuations': (
        *(
            Requirement(
                MANAGER,
                f'ConductorManager.continue_node_{kind}(self, context, '
                'node_id)',
                'a continuation that is refused must be tried again',
                'repairs.continuations:remembering',
                optional=kind == 'service',
            )
            for kind in ('clean', 'deploy', 'service')
        ),
        Requirement(
            MANAGER,
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
        Requirement(
            TASK_MANAGER,
            'acquire(context, args, kwargs)',
            'a node is continued under the lock under which it was checked',
            'repairs.continuations:lending',
        ),
        Requirement(
            MANAGER,
            'ConductorManager._mapped_to_this_conductor '
            'ConductorManager._periodic_tasks ConductorManager._spawn_worker',
            'a periodic task asks for a worker for each node',
        ),
    ),
}
