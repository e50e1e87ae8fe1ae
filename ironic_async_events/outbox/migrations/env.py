# SPDX-License-Identifier: Apache-2.0
"""What alembic runs; the connection comes from the caller."""

from alembic import context

from ironic_async_events.outbox import schema

context.configure(
    connection=context.config.attributes['connection'],
    version_table=schema.VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
