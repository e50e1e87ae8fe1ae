# SPDX-License-Identifier: Apache-2.0
"""Read a node; the statements that take and give back its lock.

Importing this module configures Ironic's database.
"""

from collections.abc import Callable
from typing import Any

from ironic.common import exception
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
from oslo_utils import strutils
from oslo_utils import uuidutils
import sqlalchemy as sa

from ironic_async_events.task import database

_NODES: Any = models.NodeBase.__table__
_TRAITS: Any = models.NodeTrait.__table__
HAS_TRAITS = sa.exists().where(_TRAITS.c.node_id == _NODES.c.id)
# Most nodes have no traits: reading them is another statement.
_NODE = sa.select(_NODES, HAS_TRAITS.label('traits'))
_TRAITS_OF = sa.select(_TRAITS).where(
    _TRAITS.c.node_id == sa.bindparam('node_id')
)
_HOLDER = sa.select(_NODES.c.uuid, _NODES.c.reservation)


def read(session: Any, identity: Any) -> dict[str, Any] | None:
    """Return the row of a node, with its ``traits``; None: there is none.

    :param identity: the condition of the node
    """
    found = session.execute(_NODE.where(identity)).mappings().first()
    if found is None:
        return None
    traits = read_traits(session, found['id']) if found['traits'] else []
    return {**found, 'traits': traits}


def read_traits(session: Any, node_id: int) -> Any:
    found = session.execute(_TRAITS_OF, {'node_id': node_id})
    return found.mappings().all()


@database.retried
@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def reserve_node(
    host: str, node_id: int | str, make: Callable[[dict[str, Any]], Any]
) -> Any:
    """Lock a node and return what is made of its row.

    Raises what Ironic's method raises, and is retried as this is: after a
    deadlock and while SQLite is locked. Called by the thread that makes the
    task.

    :param host: who gets the lock
    :param node_id: number or UUID of the node
    :param make: takes the row, with its ``traits``; when it raises, such as
        for a row of a newer Ironic, the node is not locked
    """
    identity = _identity(node_id)
    try:
        return _reserve_node(host, identity, node_id, make)
    except sa.exc.OperationalError:
        # Who writes to SQLite for long keeps nobody from reading.
        with api._session_for_read() as session:
            holder = session.execute(_HOLDER.where(identity)).first()
        if holder is None or holder.reservation is None:
            raise
    raise exception.NodeLocked(node=holder.uuid, host=holder.reservation)


def _reserve_node(
    host: str,
    identity: Any,
    node_id: int | str,
    make: Callable[[dict[str, Any]], Any],
) -> Any:
    with database.transaction() as session:
        reserved = session.execute(
            sa.update(_NODES)
            .where(identity, _NODES.c.reservation.is_(None))
            .values(reservation=host)
        )
        row = read(session, identity)
        if row is None:
            raise exception.NodeNotFound(node=node_id)
        if not reserved.rowcount:
            raise exception.NodeLocked(
                node=row['uuid'], host=row['reservation']
            )
        return make(row)


@database.retried
@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def release_node(host: str, node_id: int | str) -> None:
    """Unlock a node.

    Raises what Ironic's method raises. Has its name: because of it, a locked
    SQLite is retried without a limit. Called by the thread that ends the task.

    :param host: who has the lock
    :param node_id: number or UUID of the node
    """
    with database.transaction() as session:
        identity = _identity(node_id)
        released = session.execute(
            sa.update(_NODES)
            .where(identity, _NODES.c.reservation == host)
            .values(reservation=None)
        )
        if released.rowcount:
            return
        row = session.execute(_HOLDER.where(identity)).first()
    if row is None:
        raise exception.NodeNotFound(node=node_id)
    if row.reservation is None:
        raise exception.NodeNotLocked(node=row.uuid)
    raise exception.NodeLocked(node=row.uuid, host=row.reservation)


@database.retried
def mark_reservation(
    node_id: int, before: str | None, host: str | None, mark: Any
) -> bool:
    """Change a reservation together with the time of the change, or neither.

    Called by the thread of a periodic task.

    :param node_id: number of the node
    :param before: the reservation that it has; a reservation that is removed
        has to have the mark
    :param host: the reservation that it gets
    :param mark: the time of the change; removing it marks nothing
    :returns: whether the node had the reservation
    """
    update = sa.update(_NODES).where(
        _NODES.c.id == node_id, _NODES.c.reservation == before
    )
    if host is None:
        update = update.where(_NODES.c.updated_at == mark)
    else:
        update = update.values(updated_at=mark)
    with database.transaction() as session:
        return bool(session.execute(update.values(reservation=host)).rowcount)


def _identity(node_id: int | str) -> Any:
    """Return the condition for a node with a number or a UUID."""
    if strutils.is_int_like(node_id):
        return _NODES.c.id == int(node_id)
    if uuidutils.is_uuid_like(node_id):
        return _NODES.c.uuid == node_id
    raise exception.InvalidIdentity(identity=node_id)
