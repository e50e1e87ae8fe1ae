# SPDX-License-Identifier: Apache-2.0
"""Let any statement fail, on any database, where its driver is called.

SQLAlchemy and oslo.db make of the error what they make of a real one.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import sqlite3
import threading
from typing import Any

import psycopg2.errors
import pymysql.err
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import pool

from laboratory.faults import database
from laboratory.faults.database import Statement

READ, WRITE, COMMIT = Statement
_UNCOUNTED = ('BEGIN', 'PRAGMA', 'SET', 'SHOW', 'SAVEPOINT', 'RELEASE')
# Asked by a pool, and by the plugin before it writes.
_PING = 'SELECT 1'


@dataclasses.dataclass(frozen=True)
class Engine:
    """What differs between the databases.

    :param patience: for how many seconds the database waits for a lock; None
        for ever
    :param impatient: what lets the others not wait
    :param is_busy: tells the error when this time is over
    """

    gone: Callable[[], Exception]
    deadlock: Callable[[], Exception]
    patience: float | None = None
    holds: tuple[str, ...] = ()
    impatient: str = ''
    is_busy: Callable[[Exception], bool] = lambda error: False


ENGINES = {
    'sqlite': Engine(
        gone=lambda: database.anew(database.GONE),
        deadlock=lambda: database.anew(database.DEADLOCK),
        patience=5.0,
        holds=('BEGIN IMMEDIATE',),
        impatient='PRAGMA busy_timeout = 0',
        is_busy=lambda error: (
            # Not SQLITE_BUSY_SNAPSHOT, which does not wait.
            getattr(error, 'sqlite_errorcode', 0) == sqlite3.SQLITE_BUSY
        ),
    ),
    'mysql': Engine(
        gone=lambda: pymysql.err.OperationalError(
            2013, 'Lost connection to MySQL server during query'
        ),
        deadlock=lambda: pymysql.err.OperationalError(
            1213,
            'Deadlock found when trying to get lock; try restarting '
            'transaction',
        ),
        patience=50.0,
        holds=('BEGIN', 'SELECT id FROM nodes FOR UPDATE'),
        impatient='SET SESSION innodb_lock_wait_timeout = 0',
        is_busy=lambda error: error.args[:1] == (1205,),
    ),
    'postgresql': Engine(
        gone=lambda: psycopg2.OperationalError(
            'server closed the connection unexpectedly'
        ),
        deadlock=lambda: psycopg2.errors.DeadlockDetected('deadlock detected'),
    ),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault at a statement of a call.

    :param name: ``before``: not carried out, the connection is gone;
        ``lost``: carried out, the connection is gone before the answer;
        ``deadlock``: the transaction is rolled back
    """

    name: str
    at: int


def faults(made: list[Statement]) -> Iterator[Fault]:
    """Return every fault of a call that makes some statements."""
    for number, does in enumerate(made):
        names = ('before',) if does is READ else ('before', 'lost', 'deadlock')
        for name in names:
            yield Fault(name, number)


class Statements:
    def __init__(self, engine: Any, sleep: Callable[[float], None]) -> None:
        self.engine = engine
        self.kind = ENGINES[engine.dialect.name]
        self.made: list[Statement] = []
        self._sleep = sleep
        self._thread = 0
        self._fault: Fault | None = None
        self._wrote = self._is_first = False
        #: Called before the first statement of a call.
        self.on_first: Callable[[], None] = lambda: None
        #: How long somebody else still holds the lock.
        self._busy = 0.0
        self._holder: Any = None
        dialect, partial = engine.dialect, functools.partial
        for name in ('do_execute', 'do_executemany', 'do_execute_no_params'):
            real = getattr(dialect, name)
            setattr(dialect, name, partial(self._execute, real))
        dialect.do_commit = partial(self._commit, dialect.do_commit)
        if dialect.name == 'sqlite':
            database.let_connections_be_lost(engine)

    @contextlib.contextmanager
    def counted(self, fault: Fault | None = None) -> Iterator[None]:
        """Count the statements of this thread, of which one may fail."""
        self.made, self._fault, self._wrote = [], fault, False
        self._thread, self._is_first = threading.get_ident(), True
        try:
            yield
        finally:
            self._thread = 0

    @contextlib.contextmanager
    def busy(self, seconds: float) -> Iterator[None]:
        """Let another client hold for so long what is needed to write."""
        if not self.kind.holds:
            yield
            return
        connect = event.listens_for(self.engine, 'connect')
        connect(lambda raw, record: raw.cursor().execute(self.kind.impatient))
        self.engine.dispose()
        engine = sa.create_engine(
            self.engine.url,
            poolclass=pool.NullPool,
            isolation_level='AUTOCOMMIT',
        )
        with engine.connect() as self._holder:
            for statement in self.kind.holds:
                self._holder.exec_driver_sql(statement)
            self._busy = seconds
            try:
                yield
            finally:
                self.passes(seconds)

    def passes(self, seconds: float) -> None:
        """Let time pass; let go of the lock when its time is over."""
        if self._busy:
            self._busy = max(0.0, self._busy - seconds)
            if not self._busy:
                self._holder.exec_driver_sql('ROLLBACK')

    def _execute(self, real: Any, cursor: Any, sql: str, *args: Any) -> None:
        if self._is_first and threading.get_ident() == self._thread:
            self._is_first = False
            self.on_first()
        word = sql.split(None, 1)[0].upper()
        statement = functools.partial(real, cursor, sql, *args)
        if word in _UNCOUNTED or sql == _PING:
            statement()
            return
        does = READ if word in ('SELECT', 'WITH') else WRITE
        self._carry_out(does, cursor.connection, statement)

    def _commit(self, real: Any, connection: Any) -> None:
        if self._wrote:
            raw = getattr(connection, 'dbapi_connection', connection)
            commit = functools.partial(real, connection)
            self._carry_out(COMMIT, raw, commit)
        else:
            real(connection)

    def _carry_out(
        self, does: Statement, raw: Any, statement: Callable[[], Any]
    ) -> None:
        if threading.get_ident() != self._thread:
            statement()
            return
        self.made.append(does)
        fault = self._fault
        if fault is not None and fault.at == len(self.made) - 1:
            self._wrote = False
            if fault.name == 'deadlock':
                raw.rollback()
                raise self.kind.deadlock()
            if fault.name == 'lost':
                statement()
            raw.close()
            raise self.kind.gone()
        self._wait_for(statement)
        self._wrote = does is WRITE or (self._wrote and does is READ)

    def _wait_for(self, statement: Callable[[], Any]) -> None:
        try:
            statement()
        except Exception as e:
            if not (self._busy and self.kind.is_busy(e)):
                raise
            self._sleep(min(self._busy, self.kind.patience or self._busy))
            if self._busy:
                raise
            statement()
