# SPDX-License-Identifier: Apache-2.0
"""The first form of the tables."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '3b1f6d0c9a52'
down_revision = None


OUTBOX = 'async_events_outbox'
INDEX = 'ix_async_events_outbox_waiting'
RELAY = 'async_events_relay'


def upgrade() -> None:
    """Create what is missing of the tables, and of the row that is the lease.

    Every migration is like this: an upgrade that was interrupted is repaired
    by running all of them again.
    """
    connection = op.get_bind()
    if not sa.inspect(connection).has_table(OUTBOX):
        _create_outbox()
    indexes = sa.inspect(connection).get_indexes(OUTBOX)
    if INDEX not in [index['name'] for index in indexes]:
        op.create_index(INDEX, OUTBOX, ['set_aside_at', 'id'])
    if not sa.inspect(connection).has_table(RELAY):
        _create_relay()
    columns = ('id', 'holder', 'term', 'expires_at')
    relay = sa.table(RELAY, *map(sa.column, columns))
    if connection.scalar(sa.select(relay.c.id).where(relay.c.id == 1)) is None:
        op.bulk_insert(
            relay, [{'id': 1, 'holder': '', 'term': 0, 'expires_at': 0.0}]
        )


def _create_outbox() -> None:
    op.create_table(
        OUTBOX,
        sa.Column(
            'id',
            sa.BigInteger().with_variant(sa.Integer(), 'sqlite'),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column('message_id', sa.String(36), nullable=False),
        sa.Column('subject', sa.String(64), nullable=False),
        sa.Column(
            'body',
            sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb'),
            nullable=False,
        ),
        sa.Column('stored_at', sa.Double(), nullable=False),
        sa.Column('set_aside_at', sa.Double(), nullable=True),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('error', sa.String(255), nullable=True),
        mysql_engine='InnoDB',
        sqlite_autoincrement=True,
    )


def _create_relay() -> None:
    op.create_table(
        RELAY,
        sa.Column('id', sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column('holder', sa.String(255), nullable=False),
        sa.Column('term', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.Double(), nullable=False),
        mysql_engine='InnoDB',
    )
