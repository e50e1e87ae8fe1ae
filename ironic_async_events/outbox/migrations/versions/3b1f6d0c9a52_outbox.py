# SPDX-License-Identifier: Apache-2.0
"""The first form of the tables."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '3b1f6d0c9a52'
down_revision = None


def upgrade() -> None:
    """Create the tables, and the row that is the lease."""
    op.create_table(
        'async_events_outbox',
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
    op.create_index(
        'ix_async_events_outbox_waiting',
        'async_events_outbox',
        ['set_aside_at', 'id'],
    )
    relay = op.create_table(
        'async_events_relay',
        sa.Column('id', sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column('holder', sa.String(255), nullable=False),
        sa.Column('term', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.Double(), nullable=False),
        mysql_engine='InnoDB',
    )
    op.bulk_insert(
        relay, [{'id': 1, 'holder': '', 'term': 0, 'expires_at': 0.0}]
    )


def downgrade() -> None:
    """Drop the tables with what is in them."""
    op.drop_table('async_events_relay')
    op.drop_table('async_events_outbox')
