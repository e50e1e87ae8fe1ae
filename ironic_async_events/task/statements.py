# SPDX-License-Identifier: Apache-2.0
"""The one UPDATE that saves a state.

Importing this module configures Ironic's database.
"""

from collections.abc import Mapping
import datetime
import functools
from typing import Any

from ironic.common import utils
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
import sqlalchemy as sa

from ironic_async_events.task import database

_NODES: Any = models.NodeBase.__table__
_NODE = sa.select(_NODES).where(_NODES.c.id == sa.bindparam('id'))


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
    """
    with database.transaction() as session:
        dialect = session.connection().dialect
        stored = {
            name: _as_read_back(_NODES.c[name].type, value, dialect)
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


def _as_read_back(kind: Any, value: Any, dialect: Any) -> Any:
    """Return what reading a column would give after a value was written."""
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
