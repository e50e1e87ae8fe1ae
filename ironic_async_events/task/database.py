# SPDX-License-Identifier: Apache-2.0
"""Retry on database errors; transactions, and turns to write.

A statement that raised may have been carried out. So a caller reads the row
again, until the database answers.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import functools
import threading
from typing import Any
from typing import TypeVar

from ironic.common import exception
from ironic.common import utils
from oslo_config import cfg
from oslo_db import exception as db_exception
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc
import tenacity

CONF = cfg.CONF

_T = TypeVar('_T')

# An option of oslo.db since 2023.
_SYNC_WAIT = 'mysql_wsrep_sync_wait'

# No retry mends these. A ProgrammingError is none of them: drivers raise it,
# too, when a connection is closed.
_PERMANENT = (
    db_exception.DBConstraintError,
    db_exception.DBDataError,
    db_exception.DBDuplicateEntry,
    db_exception.DBInvalidUnicodeParameter,
    db_exception.DBNonExistentDatabase,
    db_exception.DBNonExistentTable,
    db_exception.DBNotSupportedError,
    db_exception.DBReferenceError,
    sa_exc.ArgumentError,
    sa_exc.NoSuchColumnError,
)


class _Here(threading.local):
    """What this thread does at the moment."""

    is_retrying = is_worker = in_transaction = False


_here = _Here()
# Reentrant: a transaction is joined by what is saved within it.
_TURN = threading.RLock()


def failed(error: BaseException | None) -> bool:
    """Return whether an error comes from the database."""
    return (
        isinstance(error, db_exception.DBError | sa_exc.SQLAlchemyError)
        # Ironic raises it when SQLite stays locked for too long. Subclasses
        # of it mean other things.
        or type(error) is exception.TemporaryFailure
    )


def is_conflict(error: BaseException) -> bool:
    """Return whether another transaction made a transaction fail.

    A retry of the same transaction may succeed.
    """
    if isinstance(error, db_exception.DBDeadlock):
        return True
    return isinstance(
        error, sa_exc.OperationalError | db_exception.DBError
    ) and 'database is locked' in str(error)


def _is_temporary(error: BaseException) -> bool:
    return failed(error) and not isinstance(error, _PERMANENT)


def _call_and_retry(
    mends: Callable[[BaseException], bool],
    function: Callable[..., _T],
    *args: Any,
    **kwargs: Any,
) -> _T:
    """Call a function; retry by the policy for everything in the database.

    Limit and longest pause are those of oslo.db: ``[database]
    db_max_retries`` and ``db_max_retry_interval``, by default more than two
    minutes in all. The first pauses are short: a conflict passes quickly. The
    calling thread sleeps.

    :param mends: tells whether a retry may mend an error
    """
    options = CONF.database
    try:
        return function(*args, **kwargs)
    except Exception as e:
        if not mends(e) or not options.db_max_retries:
            raise
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(mends),
        wait=tenacity.wait_exponential(
            multiplier=options.db_retry_interval / 10,
            max=options.db_max_retry_interval,
        )
        + tenacity.wait_random(0, 0.1),
        stop=(
            tenacity.stop_never
            if options.db_max_retries < 0
            else tenacity.stop_after_attempt(options.db_max_retries)
        ),
        reraise=True,
    )
    return retrying(function, *args, **kwargs)


def retry_until_answered(
    function: Callable[..., _T], *args: Any, **kwargs: Any
) -> _T:
    """Call a function until the database answers.

    :param function: checks what an earlier call has done
    :raises Exception: the error of the function, if it is no error of the
        database or the limit is reached
    """
    if _here.is_retrying:
        # The outermost call counts the attempts.
        return function(*args, **kwargs)
    with _noted('is_retrying'):
        return _call_and_retry(_is_temporary, function, *args, **kwargs)


def retried(function: Callable[..., _T]) -> Callable[..., _T]:
    """Retry a transaction that another transaction has rolled back.

    Galera finds a conflict at COMMIT. Within a transaction of the caller
    nothing is retried: all of it was rolled back.

    :param function: one transaction; called by any thread
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> _T:
        if in_transaction():
            return function(*args, **kwargs)
        return _call_and_retry(is_conflict, function, *args, **kwargs)

    return wrapper


def turn() -> contextlib.AbstractContextManager[Any]:
    """Wait for this thread's turn to write, where only one thread can.

    A thread that finds SQLite locked sleeps for up to 100 ms, and a thread
    that comes later takes the lock. So the threads of this process wait for
    each other here, where a release wakes the next thread at once.
    """
    return (
        _TURN if utils.is_ironic_using_sqlite() else contextlib.nullcontext()
    )


def in_turn(method: Callable[..., _T]) -> Callable[..., _T]:
    """Have a transaction wait for its turn before it begins.

    On SQLite, a transaction of Ironic that saves a node begins with a read.
    When another thread commits between this read and the write, the write
    fails at once, and Ironic repeats everything after 0.1 to 1 second.

    :param method: ``Connection._do_update_node``; called by any thread
    """

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> _T:
        with turn():
            return method(*args, **kwargs)

    return wrapper


@contextlib.contextmanager
def transaction() -> Iterator[Any]:
    """Commit everything that this thread saves in one transaction.

    Joins the transaction that is open in this thread, if there is one.

    :returns: Ironic's session for writing
    """
    from ironic.db.sqlalchemy import api  # configures the database

    joins = in_transaction()
    with _noted('in_transaction'), turn(), api._session_for_write() as session:
        if not joins and getattr(CONF.database, _SYNC_WAIT, None):
            # With this option a server of a Galera cluster first catches up
            # with the others before it reads; before an UPDATE it does not.
            session.execute(sa.text('SELECT 1'))
        yield session


def lock_for_writing() -> None:
    """Take SQLite's lock for writing, in the transaction that is open.

    Ironic retries a statement for ever when the database is locked. This
    never helps in a transaction that began with a read.
    """
    if utils.is_ironic_using_sqlite():
        with transaction() as session:
            session.execute(sa.text('UPDATE nodes SET id = id WHERE id = 0'))


@contextlib.contextmanager
def causal() -> Iterator[None]:
    """Read what any server of a Galera cluster has committed before.

    For a read that decides, whatever the configuration says. Not to be used
    within a transaction.
    """
    from ironic.db.sqlalchemy import api  # configures the database

    with api._session_for_read() as session:
        if session.connection().dialect.name in ('mysql', 'mariadb'):
            name = 'wsrep_sync_wait'
            row = session.execute(
                sa.text(f"SHOW SESSION VARIABLES LIKE '{name}'")
            ).first()
            if row is not None and not int(row[1]) & 1:
                session.execute(sa.text(f'SET SESSION {name} = 1'))
                # After an error it stays 1: reads wait, and none is wrong.
                yield
                session.execute(sa.text(f'SET SESSION {name} = {row[1]}'))
                return
        yield


def operation() -> contextlib.AbstractContextManager[None]:
    """Note that this thread is a worker: no client waits for it."""
    return _noted('is_worker')


def is_in_operation() -> bool:
    """Tell whether this thread may wait for the database."""
    return _here.is_worker and not _here.in_transaction


def in_transaction() -> bool:
    """Tell whether this thread has opened a :func:`transaction`."""
    return _here.in_transaction


@contextlib.contextmanager
def _noted(name: str) -> Iterator[None]:
    before = getattr(_here, name)
    setattr(_here, name, True)
    try:
        yield
    finally:
        setattr(_here, name, before)
