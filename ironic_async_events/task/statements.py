# SPDX-License-Identifier: Apache-2.0
"""The statements on Ironic's tables that the plugin writes itself.

Importing this module configures Ironic's database.
"""

import datetime
from typing import Any

from ironic.common import exception
from ironic.common import utils
from ironic.conf import CONF
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
from oslo_db import api as oslo_db_api
from oslo_utils import strutils
from oslo_utils import uuidutils
import sqlalchemy as sa

from ironic_async_events.task import database

_NODES: Any = models.NodeBase.__table__
_TRAITS: Any = models.NodeTrait.__table__
# Most nodes have no traits: reading them is another statement.
_NODE_AND_TRAITS = sa.select(
    _NODES,
    sa.exists().where(_TRAITS.c.node_id == _NODES.c.id).label('traits'),
)
_TRAITS_OF = sa.select(_TRAITS).where(
    _TRAITS.c.node_id == sa.bindparam('node_id')
)


@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def update_node(node_id: int, row: dict[str, Any]) -> dict[str, Any] | None:
    """Write columns of a node.

    Has the name of the database API's method: because of it, a locked SQLite
    is retried without a limit. Called by the worker.

    :param node_id: number of the node
    :param row: values by the names of their columns
    :returns: the values that reading the row would give; None when there is
        no such node
    :raises Exception: what the database raises
    """
    with database.transaction() as session:
        dialect = session.connection().dialect
        stored = {
            name: _kept(_NODES.c[name].type, value, dialect)
            for name, value in row.items()
        }
        result = session.execute(
            sa.update(_NODES).where(_NODES.c.id == node_id).values(stored)
        )
    return stored if result.rowcount else None


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


def reserve_node(host: str, node_id: int | str) -> dict[str, Any]:
    """Lock a node and read it.

    Retried after a deadlock, as Ironic's method is. Called by the thread that
    makes the task.

    :param host: who gets the lock
    :param node_id: number or UUID of the node
    :returns: the row of the node, with its ``traits``
    :raises NodeNotFound: when there is no such node
    :raises NodeLocked: when the node is locked
    :raises InvalidIdentity: when this is no number and no UUID
    :raises Exception: what the database raises
    """
    options = CONF.database
    retried = oslo_db_api.wrap_db_retry(
        max_retries=options.db_max_retries,
        retry_interval=options.db_retry_interval,
        inc_retry_interval=options.db_inc_retry_interval,
        max_retry_interval=options.db_max_retry_interval,
        retry_on_deadlock=True,
    )
    row: dict[str, Any] = retried(_reserve_node)(host, node_id)
    return row


def _reserve_node(host: str, node_id: int | str) -> dict[str, Any]:
    with database.transaction() as session:
        identity = _identity(node_id)
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
        row = session.execute(
            sa.select(_NODES.c.uuid, _NODES.c.reservation).where(identity)
        ).first()
    if row is None:
        raise exception.NodeNotFound(node=node_id)
    if row.reservation is None:
        raise exception.NodeNotLocked(node=row.uuid)
    raise exception.NodeLocked(node=row.uuid, host=row.reservation)


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
