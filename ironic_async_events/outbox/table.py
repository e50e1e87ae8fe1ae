# SPDX-License-Identifier: Apache-2.0
"""The tables of the outbox, in Ironic's own database, as statements see them.

How they are made is in the migrations.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

#: What alembic writes the version of these tables into; Ironic's own is
#: another one.
VERSION_TABLE = 'ironic_async_events_alembic_version'

_METADATA = sa.MetaData()

# SQLite counts up INTEGER keys only.
ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
# A TEXT of MySQL ends at 64 KiB.
BODY = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')

OUTBOX = sa.Table(
    'async_events_outbox',
    _METADATA,
    sa.Column('id', ID, primary_key=True, autoincrement=True),
    sa.Column('message_id', sa.String(36), nullable=False),
    # What the message is about; messages about one thing are kept in order.
    sa.Column('subject', sa.String(64), nullable=False),
    sa.Column('body', BODY, nullable=False),
    sa.Column('stored_at', sa.Double(), nullable=False),
    sa.Column('set_aside_at', sa.Double(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(255), nullable=True),
    # Counts what waits without reading it, and finds the oldest.
    sa.Index('ix_async_events_outbox_waiting', 'set_aside_at', 'id'),
    mysql_engine='InnoDB',
)
"""One row for each message that was not confirmed yet."""

RELAY = sa.Table(
    'async_events_relay',
    _METADATA,
    sa.Column('id', sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column('holder', sa.String(255), nullable=False),
    # How often the lease has changed hands.
    sa.Column('term', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    mysql_engine='InnoDB',
)
"""One row: which relay is the active one, and until when."""
