# SPDX-License-Identifier: Apache-2.0
"""A database trigger that sees every committed change of provision state.

It is the one account that neither Ironic nor the plugin writes: what the
notifications are measured against.
"""

import dataclasses
from typing import Any

import sqlalchemy
from sqlalchemy import pool

TABLE = 'async_events_witness'

# What differs between databases. The stamp is the database's, on the same
# machine as the clients: SQLite gives milliseconds, the others microseconds.
_IDS = {
    'sqlite': 'INTEGER PRIMARY KEY AUTOINCREMENT',
    'mysql': 'BIGINT PRIMARY KEY AUTO_INCREMENT',
    'postgresql': 'BIGSERIAL PRIMARY KEY',
}
_NOW = {
    'sqlite': "(julianday('now') - 2440587.5) * 86400.0",
    'mysql': 'UNIX_TIMESTAMP(SYSDATE(6))',
    'postgresql': 'extract(epoch FROM clock_timestamp())',
}
_INSERT = f"""
        CREATE TRIGGER {TABLE}_insert AFTER INSERT ON nodes FOR EACH ROW
        BEGIN %(created)s; END
        """
_TRIGGERS = {
    'sqlite': (
        f"""
        CREATE TRIGGER {TABLE}_update
        AFTER UPDATE OF provision_state ON nodes
        WHEN OLD.provision_state IS NOT NEW.provision_state
        BEGIN %(changed)s; END
        """,
        _INSERT,
    ),
    'mysql': (
        f"""
        CREATE TRIGGER {TABLE}_update AFTER UPDATE ON nodes FOR EACH ROW
        BEGIN
            IF NOT (OLD.provision_state <=> NEW.provision_state) THEN
                %(changed)s;
            END IF;
        END
        """,
        _INSERT,
    ),
    'postgresql': (
        f"""
        CREATE FUNCTION {TABLE}() RETURNS trigger AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                %(created)s;
            ELSIF OLD.provision_state IS DISTINCT FROM NEW.provision_state THEN
                %(changed)s;
            END IF;
            RETURN NULL;
        END $$ LANGUAGE plpgsql
        """,
        f"""
        CREATE TRIGGER {TABLE} AFTER INSERT OR UPDATE ON nodes
        FOR EACH ROW EXECUTE FUNCTION {TABLE}()
        """,
    ),
}


def _statements(dialect: str) -> list[str]:
    table = f"""
        CREATE TABLE {TABLE} (
            id {_IDS[dialect]},
            node VARCHAR(36) NOT NULL,
            before_state VARCHAR(15),
            state VARCHAR(15),
            seen_at DOUBLE PRECISION NOT NULL)
        """
    insert = f'INSERT INTO {TABLE} (node, before_state, state, seen_at) VALUES'
    new = f'NEW.provision_state, {_NOW[dialect]}'
    parts = {
        'changed': f'{insert} (NEW.uuid, OLD.provision_state, {new})',
        'created': f'{insert} (NEW.uuid, NULL, {new})',
    }
    return [table, *(trigger % parts for trigger in _TRIGGERS[dialect])]


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One committed change of one node; ids rise in the order of commits."""

    id: int
    node: str
    before_state: str | None
    state: str | None
    seen_at: float

    @property
    def step(self) -> tuple[str | None, str | None]:
        return self.before_state, self.state


class Witness:
    """Install the triggers, read back what they saw, and ask for more."""

    def __init__(self, url: str) -> None:
        # No connection outlives a call: an open one could hold a lock that
        # the service under test would wait for.
        self.engine = sqlalchemy.create_engine(url, poolclass=pool.NullPool)

    def install(self) -> None:
        """Create table and triggers; the schema must exist."""
        self.execute(*_statements(self.engine.dialect.name))

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def query(self, text: str, **values: object) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sqlalchemy.text(text), values))

    def read(self, after: int = 0, node: str = '') -> list[Seen]:
        """Give back what was seen after an id, in the order of the commits."""
        names = [field.name for field in dataclasses.fields(Seen)]
        query = f'SELECT {", ".join(names)} FROM {TABLE} WHERE id > :after'
        if node:
            query += ' AND node = :node'
        rows = self.query(f'{query} ORDER BY id', after=after, node=node)
        return [Seen(*row) for row in rows]

    def last(self) -> int:
        """Give back the id of the last change, or 0."""
        return int(
            self.query(f'SELECT coalesce(max(id), 0) FROM {TABLE}')[0][0]
        )

    def changes(self) -> list[tuple[str, str | None, str | None]]:
        """Give back the changes alone: node, state before, state after."""
        seen = self.read()
        return [(x.node, *x.step) for x in seen if x.before_state is not None]
