# SPDX-License-Identifier: Apache-2.0
"""Destinations, and indexes for messages that the bus has refused.

The release before needs none of them, and stores no destination.
"""

from alembic import op
import sqlalchemy as sa

revision = '7c4e29d1f8b3'
down_revision = '3b1f6d0c9a52'

OUTBOX = 'async_events_outbox'
INDEXES = {
    # For the oldest messages that wait and were not refused, and to count.
    'ix_async_events_outbox_waiting': [
        'set_aside_at',
        'attempts',
        'id',
        'destination',
    ],
    # For the question whether an older message about the subject was refused.
    'ix_async_events_outbox_subject': ['subject', 'attempts'],
}


def upgrade() -> None:
    """Add what is missing, and replace the index of the first form."""
    inspector = sa.inspect(op.get_bind())
    columns = {column['name'] for column in inspector.get_columns(OUTBOX)}
    if 'destination' not in columns:
        op.add_column(
            OUTBOX, sa.Column('destination', sa.String(128), nullable=True)
        )
    present = {
        index['name']: index['column_names']
        for index in inspector.get_indexes(OUTBOX)
    }
    for name, wanted in INDEXES.items():
        if present.get(name) not in (None, wanted):
            op.drop_index(name, OUTBOX)
        if present.get(name) != wanted:
            op.create_index(name, OUTBOX, wanted)
