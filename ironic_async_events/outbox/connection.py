# SPDX-License-Identifier: Apache-2.0
"""Connect the outbox to Ironic's database.

Most threads use Ironic's sessions: a writer within a writer of the same thread
joins its transaction. The thread of the relay keeps a connection instead.
"""

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


class Kept:
    """A connection that a thread keeps, and replaces after some seconds.

    To take a connection from the pool, check it, open a session and return the
    connection costs more than most statements.
    """

    def __init__(self, engine: sa.Engine, seconds: float) -> None:
        self._engine = engine
        self._seconds = seconds
        self._connection: sa.Connection | None = None
        self._opened_at = 0.0

    @contextlib.contextmanager
    def statement(self) -> Iterator[sa.Connection]:
        """Give the connection for one statement, which commits itself.

        On SQLite it may be several statements: they are one transaction.
        After an error the next statement gets a new connection.
        """
        # A COMMIT costs as much as a statement. oslo.db begins transactions
        # on SQLite itself, in any case.
        begins = self._engine.dialect.name == 'sqlite'
        if 0 <= self._seconds <= time.monotonic() - self._opened_at:
            self.close()
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
                if not begins:
                    self._connection.execution_options(
                        isolation_level='AUTOCOMMIT'
                    )
                self._opened_at = time.monotonic()
            kept = self._connection
            with kept.begin() if begins else contextlib.nullcontext():
                yield kept
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back, if there is one. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()


_here = threading.local()


def engine() -> sa.Engine:
    """Return the engine of Ironic's database."""
    from ironic.db import sqlalchemy  # noqa: F401  # configures the database
    from oslo_db.sqlalchemy import enginefacade

    writing: sa.Engine = enginefacade.writer.get_engine()
    return writing


@contextlib.contextmanager
def keep() -> Iterator[None]:
    """Make the relay's thread keep a connection, and open no sessions."""
    seconds = cfg.CONF.database.connection_recycle_time
    with contextlib.closing(Kept(engine(), seconds)) as _here.kept:
        try:
            yield
        finally:
            del _here.kept


@contextlib.contextmanager
def writer() -> Iterator[Any]:
    """Open Ironic's session for writing, or join the open one."""
    kept = getattr(_here, 'kept', None)
    with (
        database.turn(),
        kept.statement() if kept else database.transaction() as session,
    ):
        yield session


@contextlib.contextmanager
def reader() -> Iterator[Any]:
    """Open Ironic's session for reading, or join the open one."""
    from ironic.db.sqlalchemy import api  # configures the database

    kept = getattr(_here, 'kept', None)
    with kept.statement() if kept else api._session_for_read() as session:
        yield session


class epoch(functions.FunctionElement[float]):
    """Seconds since 1970 by the clock of the database, at statement start.

    All conductors share the clock of the database, and no other clock.
    """

    type = sa.Double()
    inherit_cache = True


# Not UNIX_TIMESTAMP(NOW(6)): in the hour in which summer time ends, the local
# time is ambiguous.
_MYSQL = (
    "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000E0)"
)
_EPOCH = {
    'sqlite': "((julianday('now') - 2440587.5) * 86400.0)",
    'mysql': _MYSQL,
    'mariadb': _MYSQL,
    'postgresql': 'extract(epoch from statement_timestamp())',
}


@compiler.compiles(epoch)
def _compile(element: epoch, compiler: Any, **kw: Any) -> str:
    return _EPOCH[compiler.dialect.name]
