# SPDX-License-Identifier: Apache-2.0
"""Put nodes into the database, without asking Ironic for each of them."""

import uuid

import sqlalchemy as sa
from sqlalchemy import pool

from laboratory import clients
from laboratory import errors
from laboratory import lifecycle
from laboratory import processes
from laboratory.bench import sides

_AT_ONCE = 500


def add(running: sides.Running, how_many: int) -> list[str]:
    """Add nodes that are ``manageable``.

    Ironic makes the first of them, the others are copies of its row.

    :param running: the side to whose database they are added.
    :param how_many: at least one.
    :returns: their UUIDs.
    """
    client = clients.Client(running.bench.ironic.endpoint)
    first = client.create()
    client.operate(first, lifecycle.LIFE[0])
    engine = sa.create_engine(
        running.bench.ironic.database, poolclass=pool.NullPool
    )
    table = sa.Table('nodes', sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        row = dict(
            connection.execute(
                sa.select(table).where(table.c.uuid == first.id)
            )
            .mappings()
            .one()
        )
    del row['id']
    found = [str(uuid.uuid4()) for _ in range(how_many - 1)]
    for begin in range(0, len(found), _AT_ONCE):
        with engine.begin() as connection:
            connection.execute(
                sa.insert(table),
                [row | {'uuid': one} for one in found[begin:][:_AT_ONCE]],
            )
    return [first.id, *found]


def count(running: sides.Running) -> int:
    """Count the nodes in the database of a side."""
    return _count(running, 'SELECT count(*) FROM nodes')


def wait_unlocked(running: sides.Running, seconds: float) -> None:
    """Wait until nobody holds a node.

    :param running: the side to whose database they belong.
    :param seconds: how long to wait.
    :raises LaboratoryError: when somebody still does then.
    """
    query = 'SELECT count(*) FROM nodes WHERE reservation IS NOT NULL'
    if not processes.wait_for(
        lambda: not _count(running, query), seconds, 0.1
    ):
        raise errors.LaboratoryError(
            f'{running.side.name}: {_count(running, query)} nodes are still '
            f'locked after {seconds:.0f} s'
        )


def _count(running: sides.Running, query: str) -> int:
    engine = sa.create_engine(
        running.bench.ironic.database, poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        return int(connection.execute(sa.text(query)).scalar() or 0)
