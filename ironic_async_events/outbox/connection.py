# SPDX-License-Identifier: Apache-2.0
"""Connect the outbox to Ironic's database.

Most threads use Ironic's sessions: a writer within a writer of the same thread
joins its transaction. The thread of the relay keeps a connection instead.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import threading
import time
from typing import Any

from oslo_config import cfg
import sqlalchemy as sa
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions

from ironic_async_events.task import database

# For how long a transaction that meets a conflict is retried.


class Kept:
    """A connection that a thread keeps, opened when it is needed.

    Taking a connection from the pool, checking it, opening a session and
    returning the connection cost more than most statements. That is too much
    for a thread that runs many statements a second.

    :param engine: the database
    :param seconds: after which a connection is replaced, as in a pool
    :param clock: tells the time, in seconds
    """

    def __init__(
        self,
        engine: sa.Engine,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._seconds = seconds
        self._clock = clock
        # A COMMIT costs as much as a statement. oslo.db begins transactions
        # on SQLite itself, in any case.
        self._begins = engine.dialect.name == 'sqlite'
        self._connection: sa.Connection | None = None
        self._opened_at = 0.0

    @contextlib.contextmanager
    def statement(self) -> Iterator[sa.Connection]:
        """Give the connection for one statement, which commits itself.

        On SQLite it may be several statements: they are one transaction.
        After an error the next statement gets a new connection.

        :raises Exception: the error of the database
        """
        if self._clock() - self._opened_at >= self._seconds:
            self.close()
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
                if not self._begins:
                    self._connection.execution_options(
                        isolation_level='AUTOCOMMIT'
                    )
                self._opened_at = self._clock()
            if self._begins:
                with self._connection.begin():
                    yield self._connection
            else:
                yield self._connection
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back, if there is one. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()


class _Own(threading.local):
    """The connection that this thread keeps; most threads keep none."""

    connection: Kept | None = None


_own = _Own()


def engine() -> sa.Engine:
    """Return the engine of Ironic's database."""
    from ironic.db import sqlalchemy  # noqa: F401  # configures the database
    from oslo_db.sqlalchemy import enginefacade

    writing: sa.Engine = enginefacade.writer.get_engine()
    return writing


@contextlib.contextmanager
def keep() -> Iterator[None]:
    """Make this thread keep a connection instead of opening sessions.

    For the thread of the relay. Its statements join no other transaction.
    """
    kept = _own.connection = Kept(
        engine(), cfg.CONF.database.connection_recycle_time
    )
    try:
        yield
    finally:
        _own.connection = None
        kept.close()


@contextlib.contextmanager
def writer() -> Iterator[Any]:
    """Open Ironic's session for writing, or join the open one."""
    if _own.connection is None:
        with database.transaction() as session:
            yield session
    else:
        with database.turn(), _own.connection.statement() as connection:
            yield connection


@contextlib.contextmanager
def reader() -> Iterator[Any]:
    """Open Ironic's session for reading, or join the open one."""
    if _own.connection is None:
        from ironic.db.sqlalchemy import api  # configures the database

        with api._session_for_read() as session:
            yield session
    else:
        with _own.connection.statement() as connection:
            yield connection


class epoch(functions.FunctionElement[float]):
    """Seconds since 1970 by the clock of the database, at statement start.

    All conductors share the clock of the database, and no other clock.
    """

    type = sa.Double()
    inherit_cache = True


@compiler.compiles(epoch, 'sqlite')
def _sqlite(element: epoch, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiler.compiles(epoch, 'mysql')
@compiler.compiles(epoch, 'mariadb')
def _mysql(element: epoch, compiler: Any, **kw: Any) -> str:
    # Not UNIX_TIMESTAMP(NOW(6)): in the hour in which summer time ends, the
    # local time is ambiguous.
    return (
        "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) "
        '/ 1000000E0)'
    )


@compiler.compiles(epoch, 'postgresql')
def _postgresql(element: epoch, compiler: Any, **kw: Any) -> str:
    return 'extract(epoch from statement_timestamp())'
