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

_VERSION = sa.Table(
    table.VERSION_TABLE, sa.MetaData(), sa.Column('version_num', sa.String(32))
)
# The version first: without it the others count as missing.
_TABLES = (_VERSION, table.RELAY, table.OUTBOX)


def current(engine: sa.Engine) -> str | None:
    """Return the version that a database has; None when it has none.

    :param engine: the database
    """
    with engine.connect() as connection:
        return _version(connection)


def tables(engine: sa.Engine) -> set[str]:
    """Return the names of the tables of the outbox that are there.

    :param engine: the database
    """
    with engine.connect() as connection:
        return {each.name for each in _TABLES if _has(connection, each)}


def upgrade(engine: sa.Engine) -> None:
    """Create what is missing of the tables, in the version that is needed.

    Each migration makes only what is not there, so all of them are run, also
    where the version says that they were. So an upgrade that was interrupted
    is repaired by the next one: most databases cannot roll back a new table.

    :param engine: the database
    :raises UnknownVersion: when a newer release has made the tables
    """
    import alembic.command

    version = current(engine)
    if version is not None and version not in VERSIONS:
        raise exceptions.UnknownVersion(
            f'the tables of the outbox are at version {version}, which this '
            'release does not know; run the ironic-async-events-dbsync of the '
            'release that made them'
        )
    with engine.connect() as connection:
        config = _config(connection)
        if version is not None:
            alembic.command.stamp(config, 'base', purge=True)
        alembic.command.upgrade(config, 'head')
        connection.commit()


def drop(engine: sa.Engine) -> None:
    """Remove every trace; what has not been published is lost.

    Goes by what is there, whatever the version says.

    :param engine: the database
    """
    with engine.begin() as connection:
        for each in _TABLES:
            each.drop(connection, checkfirst=True)


def problem(engine: sa.Engine) -> str | None:
    """Say what is wrong with the tables.

    :param engine: the database
    :returns: one line that says what to do; None when all is well
    """
    with engine.connect() as connection:
        version = _version(connection)
        missing = list(_missing(connection))
    if version is None:
        return (
            'driver = async_events_outbox needs tables that this database '
            f'does not have; create them with "{COMMAND}"'
        )
    needed = VERSIONS[-1]
    # A version that we do not know is a newer one: an upgrade is under way,
    # and migrations never take away what the release before needs.
    if version != needed and version in VERSIONS:
        return (
            f'the tables of async_events_outbox are at version {version}, '
            f'{needed} is needed; bring them up to date with "{COMMAND}"'
        )
    if missing:
        return (
            'driver = async_events_outbox needs what this database has lost: '
            f'{" and ".join(missing)}; make it again with "{COMMAND}"'
        )
    return None


def _has(connection: sa.Connection, wanted: sa.Table) -> bool:
    return sa.inspect(connection).has_table(wanted.name)


def _version(connection: sa.Connection) -> str | None:
    if not _has(connection, _VERSION):
        return None
    return connection.scalars(sa.select(_VERSION.c.version_num)).first()


def _missing(connection: sa.Connection) -> Iterator[str]:
    """Name what a relay cannot do without; the index only makes it fast."""
    for each in (table.OUTBOX, table.RELAY):
        if not _has(connection, each):
            yield f'the table {each.name}'
        elif each is table.RELAY and not connection.scalar(
            sa.select(sa.func.count()).where(each.c.id == 1)
        ):
            yield f'the row of {each.name} that is the lease of the relay'


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
