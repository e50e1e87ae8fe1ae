# SPDX-License-Identifier: Apache-2.0
"""A database whose statement number k fails, and Ironic's connections to it.

A fault is raised where the driver would raise it, so that SQLAlchemy and
oslo.db make of it what they make of a real one.
"""

from collections.abc import Callable
import dataclasses
import re
import sqlite3
from typing import Any

import fixtures
from oslo_db.sqlalchemy import exc_filters
import sqlalchemy as sa
from sqlalchemy import event

from laboratory.faults import kinds
from laboratory.faults import schedule

#: More statements than any operation makes: something goes in circles.
_TOO_MANY = 20000
_UNCOUNTED = ('PRAGMA', 'BEGIN', 'SAVEPOINT', 'RELEASE', 'ROLLBACK')
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+"?(\w+)', re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Made:
    """A statement that was made.

    :param actor: who made it
    :param does: what it does
    :param text: what it is, in short
    :param part: the part of the operation that it belongs to
    :param seconds: how long after the request
    """

    actor: str
    does: kinds.Statement
    text: str
    part: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault at one statement.

    :param at: number of the statement
    :param kind: how it fails
    """

    at: int
    kind: kinds.Kind


class Cursor(sqlite3.Cursor):
    """A cursor of a :class:`Connection`."""

    connection: 'Connection'

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """See ``sqlite3.Cursor``."""
        return self.connection.do(
            sql, lambda: sqlite3.Cursor.execute(self, sql, parameters)
        )

    def executemany(self, sql: str, parameters: Any) -> Any:
        """See ``sqlite3.Cursor``."""
        return self.connection.do(
            sql, lambda: sqlite3.Cursor.executemany(self, sql, parameters)
        )


class Connection(sqlite3.Connection):
    """A connection to the server; a thread that closes it gives it back."""

    made_at = 0
    wrote = False
    is_dead = False
    pool: 'Connections'
    server: 'Server'

    def cursor(self, factory: Any = Cursor) -> Any:
        """See ``sqlite3.Connection``."""
        return super().cursor(factory)

    def do(self, sql: str, statement: Callable[[], Any]) -> Any:
        """Carry out what a cursor is asked for."""
        word = sql.split(None, 1)[0].upper()
        if word in _UNCOUNTED:
            if word != 'PRAGMA':
                self.server.check(self)
            return statement()
        reads = word in ('SELECT', 'WITH')
        does = kinds.Statement.READ if reads else kinds.Statement.WRITE
        table = _TABLE.search(sql)
        text = f'{word} {table.group(1)}' if table else word
        return self.server.carry_out(self, does, text, statement)

    def commit(self) -> None:
        """See ``sqlite3.Connection``."""
        # A transaction that has only read is none to a database.
        does = kinds.Statement.COMMIT if self.wrote else kinds.Statement.READ
        self.server.carry_out(self, does, 'COMMIT', super().commit)

    def rollback(self) -> None:
        """See ``sqlite3.Connection``."""
        self.server.check(self)
        self.wrote = False
        super().rollback()

    def close(self) -> None:
        """See ``sqlite3.Connection``."""
        if self.is_dead:
            super().close()
        else:
            self.pool.take_back(self)


class Server:
    """The database as its clients see it.

    :param plan: the schedule of the clients
    """

    def __init__(self, plan: schedule.Schedule) -> None:
        self._plan = plan
        self._broken_at = 0
        self._began = self._away_until = 0.0
        self.made: list[Made] = []
        self.fault: Fault | None = None
        self.counts = False
        self.part = kinds.Part()
        self.before: Callable[[int], None] = lambda number: None
        self.committed: Callable[[], None] = lambda: None

    def begin(self, fault: Fault | None) -> None:
        """Count statements from now on.

        :param fault: what is to fail
        """
        self.made = []
        self.fault = fault
        self.counts = True
        self._began = self._away_until = self._plan.now

    def end(self) -> None:
        """Count no more; nothing fails any more."""
        self.counts = False
        self.fault = None

    def open(self, connection: Connection) -> None:
        """Begin to answer a connection, or raise when nothing answers.

        :param connection: it may have been closed before
        """
        if self._plan.now < self._away_until:
            raise kinds.gone()
        connection.made_at = self._broken_at
        connection.wrote = False

    def check(self, connection: Connection) -> None:
        """Raise when a connection does not answer."""
        if (
            connection.is_dead
            or connection.made_at < self._broken_at
            or self._plan.now < self._away_until
        ):
            self._break(connection)
            raise kinds.gone()

    def carry_out(
        self,
        connection: Connection,
        does: kinds.Statement,
        text: str,
        statement: Callable[[], Any],
    ) -> Any:
        """Carry a statement out, or let it fail.

        Called by every client, for every statement that counts.

        :param connection: whose statement it is
        :param does: what it does
        :param text: what it is, in short
        :param statement: carries it out
        """
        self.check(connection)
        fault = None
        actor = self._plan.running
        if self.counts and not (actor and actor.guest):
            number = len(self.made)
            if number > _TOO_MANY:
                raise schedule.Abandoned()
            self.made.append(
                Made(
                    actor=actor.name if actor else '-',
                    does=does,
                    text=text,
                    part=self.part.of(does),
                    seconds=self._plan.now - self._began,
                )
            )
            self.before(number)
            self.check(connection)
            if self.fault is not None and self.fault.at == number:
                fault = self.fault.kind
        result = None
        if fault is None or fault.carried_out:
            result = statement()
            if does is kinds.Statement.COMMIT:
                connection.wrote = False
                self.committed()
            elif does is kinds.Statement.WRITE:
                connection.wrote = True
        if fault is not None:
            self._fail(connection, fault)
        return result

    def _fail(self, connection: Connection, kind: kinds.Kind) -> None:
        if kind.rolls_back:
            sqlite3.Connection.rollback(connection)
        if kind.breaks:
            self._break(connection)
        if kind.away:
            self._away_until = self._plan.now + kind.away
            self._broken_at += 1
        raise kinds.raised(kind)

    def _break(self, connection: Connection) -> None:
        sqlite3.Connection.rollback(connection)
        connection.is_dead = True


class Deadlocks(fixtures.Fixture):
    """oslo.db makes a DBDeadlock of SQLite's too, as of other databases'."""

    def _setUp(self) -> None:
        filters = exc_filters._registry['sqlite'][sa.exc.OperationalError]
        before = list(filters)
        self.addCleanup(filters.__setitem__, slice(None), before)
        exc_filters.filters(
            'sqlite', sa.exc.OperationalError, r'.*deadlock detected.*'
        )(exc_filters._deadlock_error)


def _end_transaction(connection: Any) -> None:
    if not connection.invalidated:
        connection.info.pop('in_transaction', None)


def let_connections_be_lost(engine: Any) -> None:
    """Let the rollback of a lost connection be as for other databases.

    What oslo.db does then for SQLite asks the connection for its ``info``. A
    lost connection is made anew for that, which SQLAlchemy refuses during a
    rollback: the error hides the one that counts.

    :param engine: an engine for SQLite
    """
    for name in ('rollback', 'commit'):
        for listener in list(getattr(engine.dispatch, name)):
            if listener.__name__ == '_sqlite_end_transaction':
                event.remove(engine, name, listener)
        event.listen(engine, name, _end_transaction)


class Connections(fixtures.Fixture):
    """Ironic's connections go to a server.

    :param server: the server
    :param engine: Ironic's engine; it keeps no connections itself
    """

    def __init__(self, server: Server, engine: Any) -> None:
        super().__init__()
        self._idle: list[Connection] = []
        self._server = server
        self._engine = engine

    def _setUp(self) -> None:
        self.useFixture(Deadlocks())
        let_connections_be_lost(self._engine)
        event.listen(self._engine, 'do_connect', self._connect)
        self.addCleanup(self._dispose)
        self.addCleanup(
            event.remove, self._engine, 'do_connect', self._connect
        )

    def _connect(
        self, dialect: Any, record: Any, args: Any, options: Any
    ) -> Connection:
        if self._idle:
            connection = self._idle.pop()
        else:
            # Two clients never wait for each other in the database: one of
            # them would have to run.
            options.update(timeout=0, check_same_thread=False)
            connection = sqlite3.connect(*args, factory=Connection, **options)
            connection.pool, connection.server = self, self._server
        try:
            self._server.open(connection)
        except sqlite3.Error:
            self._idle.append(connection)
            raise
        return connection

    def take_back(self, connection: Connection) -> None:
        """Keep a connection that was closed for the next who connects."""
        sqlite3.Connection.rollback(connection)
        self._idle.append(connection)

    def _dispose(self) -> None:
        while self._idle:
            sqlite3.Connection.close(self._idle.pop())
