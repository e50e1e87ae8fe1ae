# SPDX-License-Identifier: Apache-2.0
"""The first form of the tables."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '3b1f6d0c9a52'
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
BODY = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')
METADATA = sa.MetaData()
OUTBOX = sa.Table(
    'async_events_outbox',
    METADATA,
    sa.Column('id', ID, primary_key=True, autoincrement=True),
    sa.Column('message_id', sa.String(36), nullable=False),
    sa.Column('subject', sa.String(64), nullable=False),
    sa.Column('body', BODY, nullable=False),
    sa.Column('stored_at', sa.Double(), nullable=False),
    sa.Column('set_aside_at', sa.Double(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(255), nullable=True),
    mysql_engine='InnoDB',
    sqlite_autoincrement=True,
)
INDEX = sa.Index(
    'ix_async_events_outbox_waiting', OUTBOX.c.set_aside_at, OUTBOX.c.id
)
RELAY = sa.Table(
    'async_events_relay',
    METADATA,
    sa.Column('id', sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column('holder', sa.String(255), nullable=False),
    sa.Column('term', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    mysql_engine='InnoDB',
)


def upgrade() -> None:
    """Create what is missing of the tables, and of the row that is the lease.

    Every migration is like this: an upgrade that was interrupted is repaired
    by running all of them again.
    """
    connection = op.get_bind()
    METADATA.create_all(connection)
    INDEX.create(connection, checkfirst=True)
    if not connection.scalar(sa.select(RELAY.c.id).where(RELAY.c.id == 1)):
        connection.execute(
            RELAY.insert().values(id=1, holder='', term=0, expires_at=0.0)
        )
