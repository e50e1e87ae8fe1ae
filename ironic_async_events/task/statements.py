# SPDX-License-Identifier: Apache-2.0
"""The statement that saves a state.

Importing this module configures Ironic's database.
"""

import datetime
from typing import Any

from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
import sqlalchemy as sa

_NODES: Any = models.NodeBase.__table__


@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def update_node(node_id: int, row: dict[str, Any]) -> dict[str, Any] | None:
    """Write columns of a node.

    Has the name of Ironic's method: because of it, a locked SQLite is retried
    without a limit. Called by the worker.

    :param node_id: number of the node
    :param row: values by the names of their columns
    :returns: the values that reading the row would give; None when there is
        no such node
    :raises Exception: what the database raises
    """
    with api._session_for_write() as session:
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
        # Ironic's columns have seconds: MariaDB cuts the rest off, MySQL
        # rounds it.
        if not dialect.is_mariadb:
            value += datetime.timedelta(microseconds=500_000)
        return value.replace(microsecond=0)
    return value
