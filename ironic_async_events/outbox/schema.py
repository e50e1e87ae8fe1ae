# SPDX-License-Identifier: Apache-2.0
"""The tables of the outbox in Ironic's database, and their versions.

Statements use these definitions; the migrations create tables and indexes.
"""

import pathlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy import pool
from sqlalchemy.dialects import mysql

from ironic_async_events import exceptions

#: The table in which alembic stores the version; Ironic has another table.
VERSION_TABLE = 'ironic_async_events_alembic_version'

_METADATA = sa.MetaData()
# SQLite counts up INTEGER keys only.
_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
# A TEXT of MySQL ends at 64 KiB.
_BODY = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')

#: One row for each message that the bus has not confirmed yet.
OUTBOX = sa.Table(
    'async_events_outbox',
    _METADATA,
    sa.Column('id', _ID, primary_key=True),
    sa.Column('message_id', sa.String(36), nullable=False),
    # What the message is about; messages about one subject stay in order.
    sa.Column('subject', sa.String(64), nullable=False),
    sa.Column('body', _BODY, nullable=False),
    sa.Column('stored_at', sa.Double(), nullable=False),
    sa.Column('set_aside_at', sa.Double(), nullable=True),
    # While the message waits: 1 if it was refused, else 0.
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(255), nullable=True),
    # Where the bus takes the message; NULL if an older release stored it.
    sa.Column('destination', sa.String(128), nullable=True),
)

#: One row, the lease: which relay leads, and until when.
RELAY = sa.Table(
    'async_events_relay',
    _METADATA,
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('holder', sa.String(255), nullable=False),
    # How often the lease has changed hands.
    sa.Column('term', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
)

_PLACE = pathlib.Path(__file__).parent / 'migrations'

#: The versions of the migrations, up to the version that this release needs.
#: With this list no service has to load alembic.
VERSIONS = ('3b1f6d0c9a52', '7c4e29d1f8b3')

COMMAND = 'ironic-async-events-dbsync upgrade'

_VERSION = sa.Table(
    VERSION_TABLE, sa.MetaData(), sa.Column('version_num', sa.String(32))
)
# The version first: without it the other tables count as missing.
_TABLES = (_VERSION, RELAY, OUTBOX)


def tables(engine: sa.Engine) -> set[str]:
    """Return the names of the tables of the outbox that exist."""
    names = {each.name for each in _TABLES}
    return names & set(sa.inspect(engine).get_table_names())


def current(engine: sa.Engine) -> str | None:
    """Return the version of the tables; None without tables."""
    version: str | None = None
    if VERSION_TABLE in tables(engine):
        version = _scalar(engine, sa.select(_VERSION.c.version_num))
    return version


def upgrade(engine: sa.Engine) -> None:
    """Create the tables, repair them, or bring them up to date.

    All migrations run each time, and create only what is missing. So an
    upgrade repairs what an interrupted upgrade has left: most databases cannot
    roll back a new table.

    :raises UnknownVersion: when a newer release has created the tables
    """
    import alembic.command

    version = current(engine)
    if version is not None and version not in VERSIONS:
        raise exceptions.UnknownVersion(
            f'the tables of the outbox are at version {version}, which this '
            'release does not know; run the ironic-async-events-dbsync of the '
            'release that created them'
        )
    with engine.connect() as connection:
        config = _config(connection)
        if version is not None:
            alembic.command.stamp(config, 'base', purge=True)
        alembic.command.upgrade(config, 'head')
        connection.commit()


def drop(engine: sa.Engine) -> None:
    """Drop all tables of any version that are there, with their messages."""
    with engine.begin() as connection:
        for each in _TABLES:
            each.drop(connection, checkfirst=True)


def problem(engine: sa.Engine) -> str | None:
    """Return one line about what is wrong with the tables, and what to do."""
    there, version = tables(engine), current(engine)
    # A missing index only costs time.
    missing = [
        f'the table {name}'
        for name in (OUTBOX.name, RELAY.name)
        if name not in there
    ]
    if RELAY.name in there and not _scalar(engine, sa.select(RELAY.c.id)):
        missing.append(
            f'the row of {RELAY.name} that is the lease of the relay'
        )
    if version is None:
        return (
            'driver = async_events_outbox needs tables that this database '
            f'does not have; create them with "{COMMAND}"'
        )
    needed = VERSIONS[-1]
    # An unknown version is newer: an upgrade is under way, and migrations
    # never take away what the release before needs.
    if version != needed and version in VERSIONS:
        return (
            f'the tables of async_events_outbox are at version {version}, '
            f'{needed} is needed; bring them up to date with "{COMMAND}"'
        )
    if missing:
        return (
            'driver = async_events_outbox needs what this database lacks: '
            f'{" and ".join(missing)}; create it with "{COMMAND}"'
        )
    return None


def _scalar(engine: sa.Engine, query: sa.Select[Any]) -> Any:
    with engine.connect() as connection:
        return connection.scalar(query)


def check(engine: sa.Engine) -> None:
    """Refuse to start with a database that lacks the tables."""
    wrong = problem(engine)
    if wrong is not None:
        raise exceptions.RefusedToStart(f'ironic-async-events: {wrong}')


def glance(url: str) -> sa.Engine:
    """Make an engine that leaves no connection behind.

    For the main process of a service, whose children would inherit it.
    """
    return sa.create_engine(url, poolclass=pool.NullPool)


def _config(connection: sa.Connection) -> Any:
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option('script_location', str(_PLACE).replace('%', '%%'))
    config.attributes['connection'] = connection
    return config
