# SPDX-License-Identifier: Apache-2.0
"""What was committed, what was announced, and who believed to hold the lock.

Triggers write each change of a provision state and of a lock down, in the
transaction that makes it. The observer reads with a connection of its own,
which never fails.
"""

from collections.abc import Iterable
import logging
import sqlite3
from typing import Any

import fixtures
from ironic.conductor import task_manager
import sqlalchemy as sa

from ironic_async_events.outbox import message
from ironic_async_events.outbox import schema
from ironic_async_events.tests.unit.outbox import base
from laboratory import witness
from laboratory.faults import database
from laboratory.faults import schedule

_SCHEMA = """
CREATE TABLE sweep_locks (
    id INTEGER PRIMARY KEY, node INTEGER, before TEXT, after TEXT);
CREATE TRIGGER sweep_lock AFTER UPDATE OF reservation ON nodes
WHEN OLD.reservation IS NOT NEW.reservation BEGIN
    INSERT INTO sweep_locks (node, before, after)
    VALUES (NEW.id, OLD.reservation, NEW.reservation); END;
"""


class Observer:
    """Reads the database, a file, past the server."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # Readers do not wait for a writer then; kept in the file.
        self._connection.execute('PRAGMA journal_mode=WAL')
        self._connection.execute('PRAGMA synchronous=OFF')
        self._connection.executescript(_SCHEMA)
        witness.Witness(f'sqlite:///{path}').install()
        self.close = self._connection.close

    def copy(self) -> sqlite3.Connection:
        copy = sqlite3.connect(':memory:', check_same_thread=False)
        self._connection.backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        copy.backup(self._connection)

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        return self._connection.execute(query, parameters).fetchall()

    def node(self, uuid: str) -> dict[str, Any]:
        (row,) = self.rows('SELECT * FROM nodes WHERE uuid = ?', uuid)
        return dict(row)

    def history(self) -> list[str]:
        rows = self.rows('SELECT event FROM node_history ORDER BY id')
        return [str(row['event']) for row in rows]

    def states(self) -> list[tuple[str, str]]:
        return [
            (row['before_state'], row['state'])
            for row in self.rows(f'SELECT * FROM {witness.TABLE} ORDER BY id')
            if row['before_state'] is not None
        ]

    def locks(self, after: int) -> list[Any]:
        """Return the changes of a lock after number ``after``."""
        return self.rows(
            'SELECT * FROM sweep_locks WHERE id > ? ORDER BY id', after
        )

    def stored(self) -> list[tuple[str, dict[str, Any]]]:
        """Return type and data of what is in the outbox, in its order."""
        rows = self.rows(f'SELECT body FROM {schema.OUTBOX.name} ORDER BY id')
        bodies = [message.Message.decode(row['body']).body for row in rows]
        return [
            (body['event_type'], body['payload']['ironic_object.data'])
            for body in bodies
        ]


def transitions(
    sent: Iterable[tuple[str, dict[str, Any]]], uuid: str
) -> list[tuple[Any, ...]]:
    """Return previous state, event and state of a node's notifications."""
    names = ('previous_provision_state', 'event', 'provision_state')
    return [
        tuple(data[name] for name in names)
        for event_type, data in sent
        if '.provision_set.' in event_type and data['uuid'] == uuid
    ]


class Outbox(fixtures.Fixture):
    """Notifications are stored by the driver that an operator configures."""

    def __init__(self, engine: Any) -> None:
        super().__init__()
        self._engine = engine

    def _setUp(self) -> None:
        with self._engine.begin() as connection:
            for table in (schema.OUTBOX, schema.RELAY):
                table.create(connection)
            row = {'id': 1, 'holder': '', 'term': 0, 'expires_at': 0}
            connection.execute(sa.insert(schema.RELAY).values(row))
        self.useFixture(base.Notifier())


class Log(logging.Handler):
    """Keeps what is logged at INFO and above."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Locks(fixtures.Fixture):
    """Who has the node's lock: by the row, and as task managers believe."""

    def __init__(
        self, observer: Observer, part: database.Part, plan: schedule.Schedule
    ) -> None:
        super().__init__()
        self._observer = observer
        self._part = part
        self._plan = plan
        self.begin()

    def begin(self) -> None:
        self._seen = 0
        self._holders: dict[int, str] = {}
        self.lines: list[str] = []
        self.violations: list[str] = []

    def _tell(self, line: str, what: str) -> None:
        self.lines.append(line)
        actor = self._plan.running
        if actor is None or not actor.guest:
            self._part.happens(what)

    def holds(self, task: object, name: str) -> None:
        """A task begins to believe that it has the lock."""
        self._tell(f'{name} has the lock', 'held')
        for other in self._holders.values():
            self.violations.append(f'{name} has the lock, and {other} too')
        self._holders[id(task)] = name

    def lets_go(self, task: object) -> None:
        """A task is about to give the lock back."""
        name = self._holders.pop(id(task), None)
        if name is not None:
            self._tell(f'{name} gives the lock back', 'let go')

    def holder(self, uuid: str) -> Any:
        return self._observer.node(uuid)['reservation']

    def committed(self) -> None:
        """Look at the row; called after each commit."""
        for row in self._observer.locks(self._seen):
            self._seen = row['id']
            self.lines.append(f'lock: {row["before"]} -> {row["after"]}')
            if row['before'] is not None and self._holders:
                names = ', '.join(self._holders.values())
                self.violations.append(
                    f'the lock was {row["before"]}, is {row["after"]}, '
                    f'while {names} has it'
                )

    def _setUp(self) -> None:
        cls = task_manager.TaskManager
        construct, upgrade = cls.__init__, cls.upgrade_lock

        def __init__(task: Any, *args: Any, **kwargs: Any) -> None:
            construct(task, *args, **kwargs)
            if not task.shared:
                self.holds(task, task._purpose)

        def upgrade_lock(task: Any, *args: Any, **kwargs: Any) -> None:
            shared = task.shared
            upgrade(task, *args, **kwargs)
            if shared:
                self.holds(task, task._purpose)

        def letting_go(method: Any) -> Any:
            def let_go(task: Any) -> None:
                self.lets_go(task)
                method(task)

            return let_go

        for name, value in (
            ('__init__', __init__),
            ('upgrade_lock', upgrade_lock),
            ('release_resources', letting_go(cls.release_resources)),
            ('downgrade_lock', letting_go(cls.downgrade_lock)),
        ):
            self.useFixture(fixtures.MockPatchObject(cls, name, value))
