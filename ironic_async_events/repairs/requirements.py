# SPDX-License-Identifier: Apache-2.0
"""What each repair that is on replaces and uses in private, by its name."""

from ironic_async_events.patching.requirement import Requirement
from ironic_async_events.patching.requirement import in_manager
from ironic_async_events.patching.requirement import in_node
from ironic_async_events.patching.requirement import in_task_manager

REQUIREMENTS: dict[str, tuple[Requirement, ...]] = {
    'locks': (
        in_task_manager(
            'TaskManager.__init__(self, context, node_id, shared, purpose, '
            'retry, patient, load_driver)',
            'a task must not read its node twice',
            'repairs.reserving:making',
        ),
        in_node(
            'Node.get(cls, context, node_id)',
            'a task asks for the UUID of its node',
            'repairs.reserving:naming',
        ),
        in_task_manager(
            'TaskManager._lock(self)',
            'a lock must not be left when the answer of the database is lost',
            'repairs.locking:locking',
        ),
        in_task_manager(
            'TaskManager.downgrade_lock(self)',
            'a task must not release the lock of another',
            'repairs.locking:downgrading',
        ),
        in_task_manager(
            'TaskManager.release_resources(self)',
            'a lock must be released when the database is back',
            'repairs.locking:releasing',
        ),
        in_node(
            'Node.reserve(cls, context, tag, node_id)',
            'the process must know which of its tasks has a lock',
            'repairs.locking:recording',
        ),
        in_node(
            'Node.release(cls, context, tag, node_id)',
            'one UPDATE unlocks a node',
            'repairs.reserving:releasing',
        ),
        in_node('Node._from_db_object', 'it makes an object of a row'),
        in_task_manager('TaskManager._purpose', 'the log names the task'),
    ),
    'saves': (
        in_node(
            'Node.save(self, context)',
            'one UPDATE saves a node',
            'repairs.saves:in_one_update',
        ),
        in_node('Node._from_db_object', 'it makes an object of a row'),
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
        in_manager(
            'ConductorManager._init_executors(self, total_workers, '
            'reserved_percentage)',
            'a pool must not count workers that never started',
            'repairs.pool:recovering',
        ),
        in_manager(
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
        in_manager(
            'ConductorManager._check_orphan_nodes(self, context)',
            'the next pass must retry a node that was not taken over',
            'repairs.orphans:found_again',
        ),
    ),
    'continuations': (
        *(
            in_manager(
                f'ConductorManager.continue_node_{kind}(self, context, '
                'node_id)',
                'a continuation that is refused must be tried again',
                'repairs.continuations:remembering',
                optional=kind == 'service',
            )
            for kind in ('clean', 'deploy', 'service')
        ),
        in_manager(
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
        in_task_manager(
            'acquire(context, args, kwargs)',
            'a node is continued under the lock under which it was checked',
            'repairs.continuations:lending',
        ),
        in_manager(
            'ConductorManager._mapped_to_this_conductor; '
            'ConductorManager._periodic_tasks; '
            'ConductorManager._spawn_worker',
            'a periodic task asks for a worker for each node',
        ),
    ),
}
