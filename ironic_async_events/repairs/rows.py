# SPDX-License-Identifier: Apache-2.0
"""The table of each repair, by the name of the repair.

Only repairs that are switched on import their modules.
"""

from collections.abc import Callable
import importlib
from typing import Any

from ironic_async_events.patching.row import MANAGER
from ironic_async_events.patching.row import TASK_MANAGER
from ironic_async_events.patching.row import Need
from ironic_async_events.patching.row import Row
from ironic_async_events.patching.row import Target


def _by(module: str, name: str) -> Callable[[Any], Any]:
    """Return a wrapper that imports its module late: it imports Ironic."""

    def wrap(method: Any) -> Any:
        repair: Any = importlib.import_module(f'{__package__}.{module}')
        return getattr(repair, name)(method)

    return wrap


ROWS: dict[str, tuple[Row, ...]] = {
    'locks': (
        Target(
            TASK_MANAGER,
            'TaskManager._lock',
            ('self',),
            'a lock must not be left when the answer of the database is lost',
            wrap=_by('locking', 'locking'),
        ),
        Target(
            TASK_MANAGER,
            'TaskManager.downgrade_lock',
            ('self',),
            'a task must not release the lock of another',
            wrap=_by('locking', 'downgrading'),
        ),
        Target(
            TASK_MANAGER,
            'TaskManager.release_resources',
            ('self',),
            'a lock must be released when the database is back',
            wrap=_by('locking', 'releasing'),
        ),
        Target(
            'ironic.objects.node',
            'Node.reserve',
            ('cls', 'context', 'tag', 'node_id'),
            'one UPDATE and one read lock a node',
            wrap=_by('reserving', 'reserving'),
        ),
        Target(
            'ironic.objects.node',
            'Node.reserve',
            ('cls', 'context', 'tag', 'node_id'),
            'the process knows which of its tasks holds a lock',
            wrap=_by('locking', 'reserving'),
        ),
        Target(
            'ironic.objects.node',
            'Node.release',
            ('cls', 'context', 'tag', 'node_id'),
            'one UPDATE unlocks a node',
            wrap=_by('reserving', 'releasing'),
        ),
        Need(
            TASK_MANAGER,
            (
                'TaskManager._purpose',
                'TaskManager.context',
                'TaskManager.node',
                'TaskManager.node_id',
                'TaskManager.shared',
            ),
            'a task asks for a lock as in Ironic',
        ),
        Need(
            'ironic.objects.node',
            (
                'Node.get',
                'Node.id',
                'Node.name',
                'Node.release',
                'Node.reservation',
                'Node.reserve',
                'Node.uuid',
            ),
            'they take, read and release a lock',
        ),
        Need(
            'ironic.objects.node',
            ('Node._from_db_object', 'Node.dbapi'),
            'a node object is made of the row that is read',
        ),
        Need(
            'ironic.common.exception',
            ('NodeLocked', 'NodeNotFound', 'NodeNotLocked'),
            'they say who holds a lock',
        ),
        Need(
            'oslo_db.exception',
            ('DBConnectionError',),
            'an answer that comes too late is a lost one',
        ),
    ),
    'turns': (
        Target(
            'ironic.db.sqlalchemy.api',
            'Connection._do_update_node',
            ('self', 'node_id', 'values'),
            'only one thread can write to SQLite',
            wrap=_by('turns', 'in_turn'),
        ),
    ),
    'retries': (
        Target(
            'ironic.db.sqlalchemy.api',
            'Connection._do_update_node',
            ('self', 'node_id', 'values'),
            'a save that another writer rolled back must be retried',
            wrap=_by('retries', 'after_conflicts'),
        ),
        Target(
            'oslo_db.api',
            'DBAPI.__getattr__',
            ('self', 'key'),
            'an operation must survive a lost connection',
            wrap=_by('retries', 'in_operations'),
        ),
        Need(
            'ironic.db.api',
            (
                'Connection.create_node_history',
                'Connection.get_node_history_by_node_id',
            ),
            'an event is recorded once in the history of a node',
        ),
    ),
    'pool': (
        Target(
            MANAGER,
            'ConductorManager._init_executors',
            ('self', 'total_workers', 'reserved_percentage'),
            'a pool must not count workers that never started',
            wrap=_by('pool', 'recovering'),
        ),
        Need(
            MANAGER,
            (
                'ConductorManager._executor',
                'ConductorManager._reserved_executor',
            ),
            'they are the pools of a conductor',
        ),
        Need(
            'futurist',
            ('RejectedSubmission', 'ThreadPoolExecutor'),
            'a full pool raises it',
        ),
        Need(
            'futurist',
            (
                'ThreadPoolExecutor._add_thread',
                'ThreadPoolExecutor._check_and_reject',
                'ThreadPoolExecutor._max_workers',
                'ThreadPoolExecutor._work_queue',
                'ThreadPoolExecutor._workers',
            ),
            'a pool keeps its workers and its work there',
        ),
    ),
    'orphans': (
        Target(
            MANAGER,
            'ConductorManager._check_orphan_nodes',
            ('self', 'context'),
            'the next pass must retry a node that was not taken over',
            wrap=_by('orphans', 'found_again'),
        ),
        Need(
            MANAGER,
            (
                'ConductorManager.dbapi',
                'ConductorManager.iter_nodes',
            ),
            'a pass goes through the nodes of conductors that are offline',
        ),
        Need(
            'ironic.db.api',
            ('Connection.get_offline_conductors',),
            'a lock is given back to a dead conductor only',
        ),
        Need(
            'ironic.objects.node',
            (
                'Node.created_at',
                'Node.get_by_uuid',
                'Node.id',
                'Node.provision_state',
                'Node.provision_updated_at',
                'Node.release',
                'Node.reservation',
                'Node.reserve',
                'Node.updated_at',
                'Node.uuid',
            ),
            'a node gets the lock of its dead conductor back',
        ),
        Need(
            'ironic.common.states',
            ('CLEANING', 'DEPLOYING'),
            'they are the states that a take-over ends',
        ),
        Need(
            'ironic.common.exception',
            ('IronicException', 'NodeLocked'),
            'it says that a node cannot be kept for the next pass',
        ),
    ),
    'continuations': (
        *(
            Target(
                MANAGER,
                f'ConductorManager.continue_node_{kind}',
                ('self', 'context', 'node_id'),
                'a continuation that is refused must be tried again',
                wrap=_by('continuing', 'remembering'),
                optional=kind == 'service',
            )
            for kind in ('clean', 'deploy', 'service')
        ),
        Target(
            MANAGER,
            'ConductorManager._collect_periodic_tasks',
            ('self', 'admin_context'),
            'a periodic task of the conductor tries again',
            wrap=_by('continuing', 'collecting'),
        ),
        Target(
            'ironic.conductor.notification_utils',
            'emit_provision_set_notification',
            (
                'task',
                'level',
                'status',
                'prev_state',
                'prev_target',
                'event',
            ),
            'a node whose state has changed waits for something else',
            wrap=_by('continuing', 'forgetting'),
        ),
        Target(
            TASK_MANAGER,
            'acquire',
            ('context', 'args', 'kwargs'),
            'a node is continued under the lock under which it was checked',
            wrap=_by('continuing', 'lending'),
        ),
        Need(
            TASK_MANAGER,
            ('TaskManager.node',),
            'its node tells whether it waits',
        ),
        Need(
            MANAGER,
            (
                'ConductorManager._mapped_to_this_conductor',
                'ConductorManager._periodic_tasks',
                'ConductorManager._spawn_worker',
            ),
            'a periodic task asks for a worker for each node',
        ),
        Need(
            'ironic.objects.node',
            (
                'Node.conductor_group',
                'Node.driver',
                'Node.driver_internal_info',
                'Node.get_by_uuid',
                'Node.maintenance',
                'Node.provision_state',
                'Node.provision_updated_at',
                'Node.uuid',
            ),
            'they tell what a node waits for',
        ),
        Need(
            'ironic.common.exception',
            ('NoFreeConductorWorker', 'NodeLocked', 'NodeNotFound'),
            'they tell a refusal from other errors',
        ),
        Need(
            'futurist',
            ('SynchronousExecutor',),
            'the worker that was found continues the node itself',
        ),
        Need(
            'futurist.periodics',
            ('PeriodicWorker.add', 'periodic'),
            'a periodic task is added to those of the conductor',
        ),
    ),
}
