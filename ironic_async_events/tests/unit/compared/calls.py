# SPDX-License-Identifier: Apache-2.0
"""The table of the calls that the plugin answers in the place of Ironic."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import dataclasses
import datetime
from typing import Any

import futurist
from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import manager
from ironic.conductor import task_manager
from ironic.db import api as dbapi
from ironic.db.sqlalchemy import models
import sqlalchemy as sa

UUID = 'd0a5c4e0-3a43-4a51-a4cb-6a1a7f5a0b6e'
NOW = datetime.datetime(2026, 2, 3, 4, 5, 6, 765432)
"""The time at which a call is made."""

HOST = 'this-host'
"""The name of the conductor that makes a call."""

_LONG_AGO = datetime.datetime(2001, 2, 3, 4, 5, 6)
_DEAD = 'dead-host'
_NODES: Any = models.NodeBase.__table__
_CONDUCTORS: Any = models.Conductor.__table__

_DEPLOYING = {
    'provision_state': states.DEPLOYING,
    'target_provision_state': states.ACTIVE,
}
_ORPHAN = {**_DEPLOYING, 'reservation': _DEAD}


@dataclasses.dataclass(frozen=True)
class Call:
    """A call that the plugin answers.

    :param arrange: makes what the call is made of; takes the bench
    :param act: makes the call; takes the bench and what was arranged;
        returns a node, or what else the call returns
    :param columns: of the node before
    :param node: the node object that is looked at after an error
    :param columns_compared: when not all
    :param layers: the wrappers that are tried: of functions that no call
        before this one has come through
    :param varies: whether another call differs from this one in its arguments
        only; then there are no wrappers, listeners and writers
    """

    name: str
    arrange: Callable[[Any], Any]
    act: Callable[[Any, Any], Any]
    columns: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    node: Callable[[Any], Any] = lambda subject: None
    columns_compared: frozenset[str] = frozenset()
    layers: tuple[str, ...] = ()
    varies: bool = False


CALLS: list[Call] = []


def _call(name: str, arrange: Callable[[Any], Any], **how: Any) -> Any:
    """Make a row of the table of a function that makes a call."""

    def add(act: Any) -> Any:
        CALLS.append(Call(name, arrange, act, **how))
        return act

    return add


def _task(bench: Any, **options: Any) -> Any:
    return task_manager.TaskManager(
        bench.context, UUID, load_driver=False, **options
    )


def _its_node(task: Any) -> Any:
    return task.node


@_call(
    'save a state',
    _task,
    columns=_DEPLOYING,
    node=_its_node,
    layers=(
        'Node.save',
        'Node._set_from_db_object',
        'Node.do_version_changes_for_db',
        'Node._from_db_object',
        'Connection.update_node',
        'Connection._do_update_node',
        'TaskManager.process_event',
    ),
)
def _save_a_state(bench: Any, task: Any) -> Any:
    task.node.power_state = states.POWER_OFF
    task.process_event('done')
    return task.node


@_call(
    'save another field',
    lambda bench: objects.Node.get_by_uuid(bench.context, UUID),
    node=lambda node: node,
    layers=('Node.save', 'Connection.update_node'),
)
def _save_another_field(bench: Any, node: Any) -> Any:
    node.description = 'ours'
    node.save()
    return node


@_call(
    'reserve what is locked',
    lambda bench: bench.node_id,
    columns={'reservation': 'another'},
    varies=True,
)
@_call(
    'reserve',
    lambda bench: bench.node_id,
    layers=(
        'Node.reserve',
        'Node._set_from_db_object',
        'Node._from_db_object',
        'Connection.reserve_node',
        'Connection._reserve_node_place_lock',
        'Connection._get_node_reservation',
        'Connection.get_node_by_id',
    ),
)
def _reserve(bench: Any, node_id: Any) -> Any:
    return objects.Node.reserve(bench.context, HOST, node_id)


@_call(
    'release',
    lambda bench: bench.node_id,
    columns={'reservation': HOST},
    layers=(
        'Node.release',
        'Connection.release_node',
        'Connection._get_node_reservation',
    ),
)
def _release(bench: Any, node_id: Any) -> Any:
    return objects.Node.release(bench.context, HOST, node_id)


@_call(
    'lock',
    lambda bench: None,
    layers=('TaskManager._lock', 'TaskManager.__init__', 'Node.get'),
)
def _lock(bench: Any, nothing: Any) -> Any:
    bench.task = _task(bench, retry=False)
    return bench.task.node


@_call('unlock', _task, layers=('TaskManager.release_resources',))
def _unlock(bench: Any, task: Any) -> Any:
    task.release_resources()
    return task.node


@_call(
    'downgrade',
    _task,
    node=_its_node,
    layers=('TaskManager.downgrade_lock',),
)
def _downgrade(bench: Any, task: Any) -> Any:
    task.downgrade_lock()
    return task.node


@_call(
    'upgrade',
    lambda bench: _task(bench, shared=True),
    node=_its_node,
    layers=('TaskManager.upgrade_lock',),
)
def _upgrade(bench: Any, task: Any) -> Any:
    task.upgrade_lock(retry=False)
    return task.node


class Conductor(manager.ConductorManager):  # type: ignore[misc]
    """As much of a conductor as looks for orphans."""

    def __init__(self, spawn: Callable[..., Any]) -> None:
        self.host = HOST
        self.dbapi = dbapi.get_instance()
        self._spawn_worker = spawn

    def iter_nodes(self, fields: Any = None, **kwargs: Any) -> Iterator[Any]:
        """See Ironic; all nodes are this conductor's."""
        columns = ['uuid', 'driver', 'conductor_group', *(fields or ())]
        yield from self.dbapi.get_nodeinfo_list(columns=columns, **kwargs)


def _no_worker(*args: Any, **kwargs: Any) -> Any:
    raise exception.NoFreeConductorWorker()


def _conductor(bench: Any, spawn: Callable[..., Any] = _no_worker) -> Any:
    bench.execute(
        sa.delete(_CONDUCTORS),
        sa.insert(_CONDUCTORS).values(
            hostname=_DEAD, online=False, updated_at=_LONG_AGO
        ),
    )
    return Conductor(spawn)


@_call(
    'find an orphan',
    lambda bench: _conductor(bench, futurist.SynchronousExecutor().submit),
    columns=_ORPHAN,
    # A pass that fails leaves a record.
    columns_compared=frozenset(
        ('reservation', 'provision_state', 'target_provision_state')
    ),
    layers=('ConductorManager._check_orphan_nodes',),
)
def _find(bench: Any, conductor: Any) -> Any:
    """Look for orphans twice; the log has the error of a pass."""
    for _ in range(2):
        with contextlib.suppress(Exception):
            conductor._check_orphan_nodes(bench.context)


@_call(
    'find an orphan whose conductor comes back',
    _conductor,
    columns=_ORPHAN,
    columns_compared=frozenset(('reservation',)),
    varies=True,
)
def _find_and_come_back(bench: Any, conductor: Any) -> Any:
    """Find an orphan; its conductor comes back and locks it itself."""
    conductor._check_orphan_nodes(bench.context)
    bench.execute(
        sa.update(_CONDUCTORS).values(online=True, updated_at=NOW),
        sa.update(_NODES).values(
            reservation=_DEAD,
            # In the same second.
            updated_at=NOW + datetime.timedelta(milliseconds=1),
        ),
    )
    return conductor._check_orphan_nodes(bench.context)
