# SPDX-License-Identifier: Apache-2.0
"""Everything that is said to the database about messages.

Sessions are Ironic's own: a writer within a writer of the same thread joins
its transaction. The thread of the relay has a connection instead.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import dataclasses
import threading
from typing import Any

from oslo_config import cfg
from oslo_db import exception as db_exc
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import exc as sa_exc
import tenacity

from ironic_async_events.outbox import dbtime
from ironic_async_events.outbox import kept
from ironic_async_events.outbox import message
from ironic_async_events.outbox import table

_COLUMNS = table.OUTBOX.c
_WAITING = _COLUMNS.set_aside_at.is_(None)
_MAX_ERROR = 255

# How long a transaction that stands in the way of another is tried again.
_TRY_SECONDS = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One stored message.

    :param id: rises in the order of the transitions of one node
    :param message_id: the id that every repetition shares
    :param subject: what the message is about
    :param body: the message, encoded
    """

    id: int
    message_id: str
    subject: str
    body: str


@dataclasses.dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be published.

    :param count: how many messages
    :param seconds: for how long the oldest of them
    :param set_aside: how many do not wait any more
    """

    count: int
    seconds: float
    set_aside: int


class _Own(threading.local):
    """The connection that a thread keeps, if it is one that does."""

    connection: kept.Kept | None = None


_own = _Own()


@contextlib.contextmanager
def own_connection() -> Iterator[None]:
    """Have this thread keep a connection, rather than open sessions.

    For a thread that asks all the time. What it writes joins no transaction.
    """
    from ironic.db import sqlalchemy  # noqa: F401  # configures the database
    from oslo_db.sqlalchemy import enginefacade

    one = _own.connection = kept.Kept(
        enginefacade.writer.get_engine(),
        cfg.CONF.database.connection_recycle_time,
    )
    try:
        yield
    finally:
        _own.connection = None
        one.close()


@contextlib.contextmanager
def _session(opener: str) -> Iterator[Any]:
    if _own.connection is not None:
        with _own.connection.transaction() as connection:
            yield connection
        return
    from ironic.db.sqlalchemy import api  # configures the database

    with getattr(api, opener)() as session:
        yield session


def writer() -> contextlib.AbstractContextManager[Any]:
    """Open Ironic's session for writing, or join the one that is open."""
    return _session('_session_for_write')


def reader() -> contextlib.AbstractContextManager[Any]:
    """Open Ironic's session for reading, or join the one that is open."""
    return _session('_session_for_read')


@contextlib.contextmanager
def transaction() -> Iterator[Any]:
    """Open the transaction of a transition.

    Used by the worker.
    """
    with writer() as session:
        if session.get_bind().dialect.name == 'sqlite':
            # Ironic repeats a statement that finds the database locked, for
            # ever. Within a transaction that began by reading that is of no
            # use: the lock for writing has to come first.
            session.execute(
                table.RELAY.update()
                .where(table.RELAY.c.id == 0)
                .values(id=table.RELAY.c.id)
            )
        yield session


def passes_by(error: BaseException) -> bool:
    """Tell whether the same transaction may succeed when it is repeated.

    :param error: what it raised
    """
    if isinstance(error, db_exc.DBDeadlock):
        return True
    return isinstance(
        error, sa_exc.OperationalError | db_exc.DBError
    ) and 'database is locked' in str(error)


def repeated() -> tenacity.Retrying:
    """Return what repeats a whole transaction that stood in another's way."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes_by),
        wait=tenacity.wait_random_exponential(0.05, max=1),
        stop=tenacity.stop_after_delay(_TRY_SECONDS),
        reraise=True,
    )


def put(found: message.Message, committed: Callable[[], None]) -> None:
    """Store a message, in the open transaction if there is one.

    Called by whatever thread sends a notification.

    :param found: the message
    :param committed: called in the same thread after the commit
    :raises TypeError: when the message is no JSON
    :raises ValueError: likewise
    :raises Exception: what the database says
    """
    values = {
        'message_id': found.id,
        'subject': found.subject,
        'body': found.encode(),
        'stored_at': dbtime.epoch(),
        'attempts': 0,
    }
    with writer() as session:
        session.execute(table.OUTBOX.insert().values(**values))
        event.listen(
            session, 'after_commit', lambda session: committed(), once=True
        )


def waiting(
    limit: int, but: Collection[str] = (), confirmed: Collection[int] = ()
) -> list[Row]:
    """Read the oldest messages that wait.

    Always from the beginning: ids are given before the commit, so that a
    message may come to light after one with a higher id.

    :param limit: how many at most
    :param but: subjects to leave out
    :param confirmed: numbers of messages to leave out
    :returns: messages in the order in which they were stored
    """
    query = (
        sa.select(
            _COLUMNS.id, _COLUMNS.message_id, _COLUMNS.subject, _COLUMNS.body
        )
        .where(_WAITING)
        .order_by(_COLUMNS.id)
        .limit(limit)
    )
    if but:
        query = query.where(_COLUMNS.subject.not_in(sorted(but)))
    if confirmed:
        query = query.where(_COLUMNS.id.not_in(sorted(confirmed)))
    with reader() as session:
        return [Row(*row) for row in session.execute(query)]


def still_waiting(ids: Collection[int]) -> list[Row]:
    """Read some messages, but for those that do not wait any more.

    :param ids: their numbers
    :returns: messages, in any order
    """
    query = sa.select(
        _COLUMNS.id, _COLUMNS.message_id, _COLUMNS.subject, _COLUMNS.body
    ).where(_COLUMNS.id.in_(sorted(ids)), _WAITING)
    with reader() as session:
        return [Row(*row) for row in session.execute(query)]


def delete(ids: Collection[int]) -> None:
    """Delete messages that the bus has confirmed. For the relay alone.

    :param ids: their numbers
    """
    with writer() as session:
        session.execute(
            table.OUTBOX.delete().where(_COLUMNS.id.in_(sorted(ids)))
        )


def set_aside(id: int, attempts: int, error: str) -> None:
    """Take a message out of the way, if it waits.

    :param id: its number
    :param attempts: how often it was refused
    :param error: how, at last
    """
    with writer() as session:
        session.execute(
            table.OUTBOX.update()
            .where(_COLUMNS.id == id, _WAITING)
            .values(
                set_aside_at=dbtime.epoch(),
                attempts=attempts,
                error=error[:_MAX_ERROR],
            )
        )


def backlog() -> Backlog:
    """Count what waits, and say for how long."""
    oldest = (
        sa.select(_COLUMNS.stored_at)
        .where(_WAITING)
        .order_by(_COLUMNS.id)
        .limit(1)
        .scalar_subquery()
    )
    counted = sa.select(sa.func.count()).select_from(table.OUTBOX)
    with reader() as session:
        count, set_aside, seconds = session.execute(
            sa.select(
                counted.where(_WAITING).scalar_subquery(),
                counted.where(sa.not_(_WAITING)).scalar_subquery(),
                dbtime.epoch() - oldest,
            )
        ).one()
    return Backlog(count, max(0.0, seconds or 0.0), set_aside)


def is_empty() -> bool:
    """Tell whether there is no message at all."""
    with reader() as session:
        query = sa.select(_COLUMNS.id).limit(1)
        return session.execute(query).first() is None
