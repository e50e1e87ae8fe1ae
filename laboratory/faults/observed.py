# SPDX-License-Identifier: Apache-2.0
"""What was committed, and which tasks believed to hold the lock.

Triggers write each change of a provision state and of a lock down, in the
transaction that makes it. The observer reads with a connection of its own,
which never fails.
"""

import contextlib
import sqlite3
from typing import Any

import fixtures
from ironic.conductor import task_manager

from laboratory import witness
from laboratory.faults import kinds
from laboratory.faults import schedule

_SCHEMA = """
CREATE TABLE sweep_locks (
    id INTEGER PRIMARY KEY, node INTEGER, before TEXT, after TEXT);
CREATE TRIGGER sweep_lock AFTER UPDATE OF reservation ON nodes
WHEN OLD.reservation IS NOT NEW.reservation BEGIN
    INSERT INTO sweep_locks (node, before, after)
    VALUES (NEW.id, OLD.reservation, NEW.reservation); END;
"""
_MISSING = object()


class Observer:
    """Reads the database past the server.

    :param path: the file
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # Readers do not wait for a writer then; kept in the file.
        self._connection.execute('PRAGMA journal_mode=WAL')
        self._connection.execute('PRAGMA synchronous=OFF')
        self._connection.executescript(_SCHEMA)
        witness.Witness(f'sqlite:///{path}').install()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def copy(self) -> sqlite3.Connection:
        """Return a copy of the database, in memory."""
        copy = sqlite3.connect(':memory:', check_same_thread=False)
        self._connection.backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        """Make the database what it was.

        :param copy: what :meth:`copy` has returned
        """
        copy.backup(self._connection)

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        """Return the rows of a query."""
        with contextlib.closing(
            self._connection.execute(query, parameters)
        ) as cursor:
            return cursor.fetchall()

    def node(self, uuid: str) -> dict[str, Any]:
        """Return the row of a node."""
        (row,) = self.rows('SELECT * FROM nodes WHERE uuid = ?', uuid)
        return dict(row)

    def history(self) -> list[str]:
        """Return the texts of the history of all nodes."""
        return [
            str(row[0])
            for row in self.rows('SELECT event FROM node_history ORDER BY id')
        ]

    def states(self) -> list[tuple[str, str]]:
        """Return every committed change of a provision state."""
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


class Locks:
    """Who has the node's lock: by the row, and by what tasks believe.

    :param observer: reads the database
    :param part: is told about the tasks of the operation
    :param plan: knows who runs
    """

    def __init__(
        self, observer: Observer, part: kinds.Part, plan: schedule.Schedule
    ) -> None:
        self._observer = observer
        self._part = part
        self._plan = plan
        self.begin()

    def begin(self) -> None:
        """Forget everything."""
        self._seen = 0
        self._holders: dict[int, str] = {}
        self.lines: list[str] = []
        self.violations: list[str] = []

    def holds(self, task: object, name: str) -> None:
        """Note that a task begins to believe that it has the lock."""
        self.lines.append(f'{name} has the lock')
        if not self._is_guest():
            self._part.held()
        for other in self._holders.values():
            self.violations.append(f'{name} has the lock, and {other} too')
        self._holders[id(task)] = name

    def _is_guest(self) -> bool:
        actor = self._plan.running
        return actor is not None and actor.guest

    def holder(self, uuid: str) -> str | None:
        """Return whose lock the row of a node shows."""
        holder: str | None = self._observer.node(uuid)['reservation']
        return holder

    def lets_go(self, task: object) -> None:
        """Note that a task is about to give the lock back."""
        name = self._holders.pop(id(task), None)
        if name is not None:
            self.lines.append(f'{name} gives the lock back')
            if not self._is_guest():
                self._part.let_go()

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


class Beliefs(fixtures.Fixture):
    """Tells when a task manager takes and gives back an exclusive lock.

    :param locks: is told
    """

    def __init__(self, locks: Locks) -> None:
        super().__init__()
        self._locks = locks

    def _setUp(self) -> None:
        locks = self._locks
        cls = task_manager.TaskManager
        construct, upgrade = cls.__init__, cls.upgrade_lock

        def __init__(task: Any, *args: Any, **kwargs: Any) -> None:
            construct(task, *args, **kwargs)
            if not task.shared:
                locks.holds(task, task._purpose)

        def upgrade_lock(task: Any, *args: Any, **kwargs: Any) -> None:
            shared = task.shared
            upgrade(task, *args, **kwargs)
            if shared:
                locks.holds(task, task._purpose)

        self._put(cls, '__init__', __init__)
        self._put(cls, 'upgrade_lock', upgrade_lock)
        for name in ('release_resources', 'downgrade_lock'):
            self._put(cls, name, self._letting_go(getattr(cls, name)))

    def _letting_go(self, method: Any) -> Any:
        def let_go(task: Any) -> None:
            self._locks.lets_go(task)
            method(task)

        return let_go

    def _put(self, cls: Any, name: str, value: Any) -> None:
        before = vars(cls).get(name, _MISSING)
        setattr(cls, name, value)
        if before is _MISSING:
            self.addCleanup(delattr, cls, name)
        else:
            self.addCleanup(setattr, cls, name, before)
