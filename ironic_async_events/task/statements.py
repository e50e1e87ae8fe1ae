# SPDX-License-Identifier: Apache-2.0
"""The statements on Ironic's tables that the plugin writes itself.

Importing this module configures Ironic's database.
"""

from collections.abc import Mapping
import datetime
import functools
from typing import Any

from ironic.common import exception
from ironic.common import utils
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
from oslo_utils import strutils
from oslo_utils import uuidutils
import sqlalchemy as sa

from ironic_async_events.task import database

_NODES: Any = models.NodeBase.__table__
_TRAITS: Any = models.NodeTrait.__table__
_NODE = sa.select(_NODES).where(_NODES.c.id == sa.bindparam('id'))
_HOLDER = sa.select(_NODES.c.uuid, _NODES.c.reservation)
# Most nodes have no traits: reading them is another statement.
_NODE_AND_TRAITS = sa.select(
    _NODES,
    sa.exists().where(_TRAITS.c.node_id == _NODES.c.id).label('traits'),
)
_TRAITS_OF = sa.select(_TRAITS).where(
    _TRAITS.c.node_id == sa.bindparam('node_id')
)


@database.retried
@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def update_node(
    node_id: int, row: dict[str, Any], was: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Write columns of a node; read the node if others have written it.

    Has the name of the database API's method: because of it, a locked SQLite
    is retried without a limit. Called by the worker.

    :param node_id: number of the node
    :param row: values by the names of their columns
    :param was: values of columns when the node was read
    :returns: what reading the row would give: of the columns that were
        written, or of all columns if somebody else has written some of them;
        None when there is no such node
    :raises Exception: what the database raises
    """
    with database.transaction() as session:
        dialect = session.connection().dialect
        stored = {
            name: _kept(_NODES.c[name].type, value, dialect)
            for name, value in row.items()
        }
        values: dict[str, Any] = {'number': node_id, **stored}
        for name, value in was.items():
            values[f'was_{name}'] = _bound(_NODES.c[name].type, value, dialect)
        updated = session.execute(_if_unchanged(frozenset(was)), values)
        if updated.rowcount:
            return stored
        updated = session.execute(
            sa.update(_NODES).where(_NODES.c.id == node_id).values(stored)
        )
        if not updated.rowcount:
            return None
        found: Mapping[str, Any] = (
            session.execute(_NODE, {'id': node_id}).mappings().one()
        )
        return found


@functools.lru_cache
def _if_unchanged(names: frozenset[str]) -> Any:
    """Return the UPDATE of a node whose columns are what they were.

    A second is too long to tell by ``updated_at`` alone.
    """
    return sa.update(_NODES).where(
        _NODES.c.id == sa.bindparam('number'),
        *(
            # JSON is compared as text; what is empty may be NULL.
            sa.func.coalesce(sa.type_coerce(column, sa.Text), '{}')
            == sa.bindparam(f'was_{column.name}', type_=sa.Text)
            if isinstance(column.type, sa.types.TypeDecorator)
            else column.is_not_distinct_from(
                sa.bindparam(f'was_{column.name}', type_=column.type)
            )
            for column in _NODES.c
            if column.name in names
        ),
    )


def _bound(kind: Any, value: Any, dialect: Any) -> Any:
    """Return a value of a node object as a column is compared with it."""
    if isinstance(kind, sa.types.TypeDecorator):
        return kind.process_bind_param(value, dialect)
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None)
    return value


def _kept(kind: Any, value: Any, dialect: Any) -> Any:
    """Return what a database makes of a value.

    :param kind: type of the column
    :param value: what is written
    :param dialect: SQLAlchemy's dialect for the database
    """
    if isinstance(kind, sa.types.TypeDecorator):
        # JSON: keys become strings, and tuples lists.
        text = kind.process_bind_param(value, dialect)
        return kind.process_result_value(text, dialect)
    if isinstance(value, datetime.datetime) and dialect.name == 'mysql':
        # The columns have seconds: MariaDB cuts the rest off, MySQL rounds
        # it.
        if not dialect.is_mariadb:
            value += datetime.timedelta(microseconds=500_000)
        return value.replace(microsecond=0)
    return value


@database.retried
@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def reserve_node(host: str, node_id: int | str) -> dict[str, Any]:
    """Lock a node and read it.

    Retried as Ironic's method is, after a deadlock and while SQLite is locked.
    Called by the thread that makes the task.

    :param host: who gets the lock
    :param node_id: number or UUID of the node
    :returns: the row of the node, with its ``traits``
    :raises NodeNotFound: when there is no such node
    :raises NodeLocked: when the node is locked
    :raises InvalidIdentity: when this is no number and no UUID
    :raises Exception: what the database raises
    """
    identity = _identity(node_id)
    try:
        return _reserve_node(host, identity, node_id)
    except sa.exc.OperationalError:
        # Who writes to SQLite for long keeps nobody from reading.
        with api._session_for_read() as session:
            holder = session.execute(_HOLDER.where(identity)).first()
        if holder is None or holder.reservation is None:
            raise
    raise exception.NodeLocked(node=holder.uuid, host=holder.reservation)


def _reserve_node(
    host: str, identity: Any, node_id: int | str
) -> dict[str, Any]:
    with database.transaction() as session:
        reserved = session.execute(
            sa.update(_NODES)
            .where(identity, _NODES.c.reservation.is_(None))
            .values(reservation=host)
        )
        found = (
            session.execute(_NODE_AND_TRAITS.where(identity))
            .mappings()
            .first()
        )
        if found is None:
            raise exception.NodeNotFound(node=node_id)
        if not reserved.rowcount:
            raise exception.NodeLocked(
                node=found['uuid'], host=found['reservation']
            )
        row = dict(found)
        if row['traits']:
            row['traits'] = (
                session.execute(_TRAITS_OF, {'node_id': row['id']})
                .mappings()
                .all()
            )
        else:
            row['traits'] = []
        return row


@database.retried
@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def release_node(host: str, node_id: int | str) -> None:
    """Unlock a node.

    Has the name of Ironic's method: because of it, a locked SQLite is retried
    without a limit. Called by the thread that ends the task.

    :param host: who has the lock
    :param node_id: number or UUID of the node
    :raises NodeNotFound: when there is no such node
    :raises NodeLocked: when the lock is another's
    :raises NodeNotLocked: when the node is not locked
    :raises InvalidIdentity: when this is no number and no UUID
    :raises Exception: what the database raises
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
    :raises Exception: what the database raises
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
    """Return the condition for one node.

    :param node_id: number or UUID of the node
    :raises InvalidIdentity: when this is no number and no UUID
    """
    if strutils.is_int_like(node_id):
        return _NODES.c.id == int(node_id)
    if uuidutils.is_uuid_like(node_id):
        return _NODES.c.uuid == node_id
    raise exception.InvalidIdentity(identity=node_id)


def lock_for_writing() -> None:
    """Take SQLite's lock for writing, in the transaction that is open.

    Ironic retries a statement for ever when the database is locked. This
    never helps in a transaction that began with a read.
    """
    if utils.is_ironic_using_sqlite():
        with database.transaction() as session:
            session.execute(
                sa.update(_NODES)
                .where(_NODES.c.id == 0)
                .values(id=_NODES.c.id, updated_at=_NODES.c.updated_at)
            )
