# SPDX-License-Identifier: Apache-2.0
"""A database whose statement number k fails, and Ironic's connections to it.

A fault is raised where the driver would raise it, so that SQLAlchemy and
oslo.db make of it what they make of a real one.
"""

from collections.abc import Callable
import dataclasses
import enum
import re
import sqlite3
from typing import Any

import fixtures
from oslo_db.sqlalchemy import exc_filters
import sqlalchemy as sa
from sqlalchemy import event

from laboratory.faults import schedule

#: More statements than any operation makes: something goes in circles.
_TOO_MANY = 20000
_UNCOUNTED = ('PRAGMA', 'BEGIN', 'SAVEPOINT', 'RELEASE', 'ROLLBACK')
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+"?(\w+)', re.IGNORECASE)


class Statement(enum.Enum):
    READ = 'read'
    WRITE = 'write'
    COMMIT = 'commit'


READ, WRITE, COMMIT = Statement

#: The dialect of SQLite takes this for a lost connection.
GONE = sqlite3.ProgrammingError('Cannot operate on a closed database.')
#: See :class:`Deadlocks`.
DEADLOCK = sqlite3.OperationalError('deadlock detected')
#: oslo.db leaves it as SQLAlchemy's OperationalError.
_OTHER = sqlite3.OperationalError('disk I/O error')


def anew(error: sqlite3.Error) -> sqlite3.Error:
    return type(error)(*error.args)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to fail.

    :param of: the statements that can fail so
    :param carried_out: whether the statement is carried out all the same
    :param away: for how many seconds nothing answers from then on
    """

    name: str
    of: frozenset[Statement]
    error: sqlite3.Error = GONE
    carried_out: bool = False
    away: float = 0.0


_WRITES, _COMMITS = frozenset((WRITE, COMMIT)), frozenset((COMMIT,))
KINDS = {
    kind.name: kind
    for kind in (
        Kind('before', frozenset(Statement)),
        Kind('other', _WRITES, _OTHER),
        Kind('deadlock', _WRITES, DEADLOCK),
        Kind('lost', _WRITES, carried_out=True),
        Kind('away-3', _COMMITS, away=3.0),
        Kind('away-60', _COMMITS, away=60.0),
        Kind('lost-away-3', _COMMITS, carried_out=True, away=3.0),
        Kind('lost-away-60', _COMMITS, carried_out=True, away=60.0),
    )
}
"""Every way, in the order of the table."""


class Part:
    """Which part an operation is in: lock, prepare, save, work, release."""

    _NEXT = {
        ('lock', 'held'): 'prepare',
        ('release', 'held'): 'prepare',
        ('prepare', 'asked'): 'save',
        ('save', 'saved'): 'saved',
    }
    _name, _staged = 'lock', True

    def begin(self, staged: bool) -> None:
        """Begin with an operation; when staged, it changes the state first."""
        self._name = 'lock'
        self._staged = staged

    def happens(self, what: str) -> None:
        """A task has the lock, asks for a worker, saves, or lets go."""
        self._name = self._NEXT.get((self._name, what), self._name)
        if what == 'let go':
            self._name = 'release'
        elif self._name == 'save' and not self._staged:
            self._name = 'work'

    def of(self, does: Statement) -> str:
        """Return the part of the next statement."""
        # What is read after the state was saved belongs to that.
        if self._name == 'saved' and does is WRITE:
            self._name = 'work'
        return 'save' if self._name == 'saved' else self._name


@dataclasses.dataclass(frozen=True)
class Made:
    """A statement, its part of the operation, and when after the request."""

    actor: str
    does: Statement
    text: str
    part: str
    seconds: float


class Cursor(sqlite3.Cursor):
    connection: 'Connection'

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return self.connection.do(sql, super().execute, parameters)

    def executemany(self, sql: str, parameters: Any) -> Any:
        return self.connection.do(sql, super().executemany, parameters)


class Connection(sqlite3.Connection):
    made_at = 0
    wrote = False
    is_dead = False
    server: 'Server'

    def cursor(self, factory: Any = Cursor) -> Any:
        return super().cursor(factory)

    def do(self, sql: str, real: Callable[..., Any], parameters: Any) -> Any:
        word = sql.split(None, 1)[0].upper()
        if word in _UNCOUNTED:
            if word != 'PRAGMA':
                self.server.check(self)
            return real(sql, parameters)
        does = READ if word in ('SELECT', 'WITH') else WRITE
        table = _TABLE.search(sql)
        text = f'{word} {table.group(1)}' if table else word
        return self.server.carry_out(
            self, does, text, lambda: real(sql, parameters)
        )

    def commit(self) -> None:
        # A transaction that has only read is none to a database.
        does = COMMIT if self.wrote else READ
        self.server.carry_out(self, does, 'COMMIT', super().commit)

    def rollback(self) -> None:
        self.server.check(self)
        self.wrote = False
        super().rollback()


class Server(fixtures.Fixture):
    def __init__(self, plan: schedule.Schedule, engine: Any) -> None:
        super().__init__()
        self._plan = plan
        self._engine = engine
        self._broken_at = 0
        self._began = self._away_until = 0.0
        self._counts = False
        self.made: list[Made] = []
        self.part = Part()
        self.before: Callable[[int], None] = lambda number: None
        self.committed: Callable[[], None] = lambda: None

    def _setUp(self) -> None:
        self.useFixture(Deadlocks())
        let_connections_be_lost(self._engine)
        listener = self._engine, 'do_connect', self.connect
        event.listen(*listener)
        self.addCleanup(event.remove, *listener)

    def begin(self, at: int = -1, kind: Kind | None = None) -> None:
        """Count statements from now on."""
        self.made = []
        self._at, self._kind = at, kind
        self._counts = True
        self._began = self._away_until = self._plan.now

    def end(self) -> None:
        self._counts = False

    def connect(
        self, dialect: Any, record: Any, args: Any, options: Any
    ) -> Connection:
        """Take the place of the driver's own; see ``do_connect``."""
        if self._plan.now < self._away_until:
            raise anew(GONE)
        # Two clients never wait for each other in the database: one of them
        # would have to run.
        options.update(timeout=0, check_same_thread=False)
        connection = sqlite3.connect(*args, factory=Connection, **options)
        connection.server, connection.made_at = self, self._broken_at
        return connection

    def check(self, connection: Connection) -> None:
        """Raise when a connection does not answer."""
        if (
            connection.is_dead
            or connection.made_at < self._broken_at
            or self._plan.now < self._away_until
        ):
            self._break(connection)
            raise anew(GONE)

    def carry_out(
        self,
        connection: Connection,
        does: Statement,
        text: str,
        statement: Callable[[], Any],
    ) -> Any:
        """Carry a statement of any client out, or let it fail."""
        self.check(connection)
        kind = None
        actor = self._plan.running
        if self._counts and not (actor and actor.guest):
            number = len(self.made)
            if number > _TOO_MANY:
                raise schedule.Abandoned()
            part, seconds = self.part.of(does), self._plan.now - self._began
            name = actor.name if actor else '-'
            self.made.append(Made(name, does, text, part, seconds))
            self.before(number)
            self.check(connection)
            if number == self._at:
                kind = self._kind
        result = None
        if kind is None or kind.carried_out:
            result = statement()
            if does is COMMIT:
                connection.wrote = False
                self.committed()
            elif does is WRITE:
                connection.wrote = True
        if kind is not None:
            self._fail(connection, kind)
        return result

    def _fail(self, connection: Connection, kind: Kind) -> None:
        if kind.error is not _OTHER:
            sqlite3.Connection.rollback(connection)
        if kind.error is GONE:
            self._break(connection)
        if kind.away:
            self._away_until = self._plan.now + kind.away
            self._broken_at += 1
        raise anew(kind.error)

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


def let_connections_be_lost(engine: Any) -> None:
    """Let the rollback of a lost connection be as for other databases.

    What oslo.db does then for SQLite asks the connection for its ``info``. A
    lost connection is made anew for that, which SQLAlchemy refuses during a
    rollback: the error hides the one that counts.
    """

    def end_transaction(connection: Any) -> None:
        if not connection.invalidated:
            connection.info.pop('in_transaction', None)

    for name in ('rollback', 'commit'):
        for listener in list(getattr(engine.dispatch, name)):
            if listener.__name__ == '_sqlite_end_transaction':
                event.remove(engine, name, listener)
        event.listen(engine, name, end_transaction)
