# SPDX-License-Identifier: Apache-2.0
"""Are the tables of the outbox there, and how they come and go."""

from collections.abc import Iterator
import contextlib
import pathlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy import pool

from ironic_async_events import exceptions
from ironic_async_events.outbox import table

_PLACE = pathlib.Path(__file__).parent / 'migrations'

#: The versions of the tables, as the migrations have them, up to the one
#: that this release needs. No service has to load alembic to compare.
VERSIONS = ('3b1f6d0c9a52',)

COMMAND = 'ironic-async-events-dbsync upgrade'


def current(engine: sa.Engine) -> str | None:
    """Return the version that a database has; None without the tables.

    :param engine: the database
    """
    version = sa.table(table.VERSION_TABLE, sa.column('version_num'))
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.VERSION_TABLE):
            return None
        return connection.execute(sa.select(version)).scalar_one_or_none()


def upgrade(engine: sa.Engine) -> None:
    """Create the tables, or bring them to the version that is needed.

    :param engine: the database
    """
    import alembic.command

    with engine.connect() as connection:
        alembic.command.upgrade(_config(connection), 'head')
        connection.commit()


def drop(engine: sa.Engine) -> None:
    """Remove every trace; what has not been published is lost.

    :param engine: the database
    """
    import alembic.command

    with engine.connect() as connection:
        alembic.command.downgrade(_config(connection), 'base')
        # Alembic empties its table and leaves it.
        sa.Table(table.VERSION_TABLE, sa.MetaData()).drop(
            connection, checkfirst=True
        )
        connection.commit()


def problem(engine: sa.Engine) -> str | None:
    """Say what is wrong with the tables.

    :param engine: the database
    :returns: one line that says what to do; None when all is well
    """
    found = current(engine)
    if found is None:
        return (
            'driver = async_events_outbox needs tables that this database '
            f'does not have; create them with "{COMMAND}"'
        )
    needed = VERSIONS[-1]
    # A version that we do not know is a newer one: an upgrade is under way,
    # and migrations never take away what the release before needs.
    if found != needed and found in VERSIONS:
        return (
            f'the tables of async_events_outbox are at version {found}, '
            f'{needed} is needed; bring them up to date with "{COMMAND}"'
        )
    return None


def check(engine: sa.Engine) -> None:
    """Refuse a database without the tables.

    :param engine: the database
    :raises RefusedToStart: when something is wrong with the tables
    """
    wrong = problem(engine)
    if wrong is not None:
        raise exceptions.RefusedToStart(f'ironic-async-events: {wrong}')


@contextlib.contextmanager
def glance(url: str) -> Iterator[sa.Engine]:
    """Give an engine for one look, which leaves no connection behind.

    For the main process of a service, whose connections its children would
    inherit.

    :param url: the database
    """
    engine = sa.create_engine(url, poolclass=pool.NullPool)
    try:
        yield engine
    finally:
        engine.dispose()


def _config(connection: sa.Connection) -> Any:
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option('script_location', str(_PLACE).replace('%', '%%'))
    config.attributes['connection'] = connection
    return config
