# SPDX-License-Identifier: Apache-2.0
"""The environment of alembic; the caller passes the connection."""

from alembic import context

from ironic_async_events.outbox import schema

context.configure(
    connection=context.config.attributes['connection'],
    version_table=schema.VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
