# SPDX-License-Identifier: Apache-2.0
"""All SQL about the messages of the outbox.

The tables are defined in :mod:`ironic_async_events.outbox.schema`.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from ironic_async_events.outbox import schema
from ironic_async_events.outbox.connection import epoch
from ironic_async_events.outbox.connection import reader
from ironic_async_events.outbox.connection import writer
from ironic_async_events.outbox.message import Message
from ironic_async_events.outbox.stored import Backlog
from ironic_async_events.outbox.stored import Refused
from ironic_async_events.outbox.stored import Row
from ironic_async_events.outbox.stored import SetAside

_OUTBOX = schema.OUTBOX.c
_WAITS = _OUTBOX.set_aside_at.is_(None)
_IS_ASIDE = _OUTBOX.set_aside_at.is_not(None)
_DESTINATION = sa.func.coalesce(_OUTBOX.destination, '')
_SHOWN = (_OUTBOX.id, _OUTBOX.message_id, _OUTBOX.subject, _OUTBOX.body)
_ROW = (*_SHOWN, _DESTINATION)
_OLDER = schema.OUTBOX.alias('older').c
_MAX_ERROR = 255


def _list(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True)


def _follows(*conditions: sa.ColumnElement[bool]) -> sa.Exists:
    """Select messages after a message about the same subject that waits.

    :param conditions: more conditions for that message
    """
    return sa.exists().where(
        _OLDER.subject == _OUTBOX.subject,
        _OLDER.id < _OUTBOX.id,
        _OLDER.set_aside_at.is_(None),
        _OLDER.id.not_in(_list('confirmed')),
        *conditions,
    )


# Made once: the relay executes it more often than all others together.
_WAITING = (
    sa.select(*_ROW)
    .where(_WAITS, _OUTBOX.attempts == 0, _OUTBOX.subject.not_in(_list('but')))
    .where(_OUTBOX.id.not_in(_list('confirmed')))
    .order_by(_OUTBOX.id)
    .limit(sa.bindparam('limit', type_=sa.Integer))
)
_BEHIND_NO_REFUSED = _WAITING.where(~_follows(_OLDER.attempts == 1))
_OLDEST_OF_OPEN = _WAITING.where(
    _DESTINATION.not_in(_list('closed')), ~_follows()
)


def put(message: Message, committed: Callable[[], None]) -> None:
    """Store a message, in the open transaction if there is one.

    Called by whatever thread sends a notification.

    :param message: the message
    :param committed: called in the same thread after the commit
    :raises TypeError: when the message is no JSON
    :raises ValueError: likewise
    :raises Exception: the error of the database
    """
    values = {
        'message_id': message.id,
        'subject': message.subject,
        'body': message.encode(),
        'stored_at': epoch(),
        'attempts': 0,
        'destination': message.destination,
    }
    with writer() as session:
        session.execute(schema.OUTBOX.insert().values(**values))
        event.listen(
            session, 'after_commit', lambda session: committed(), once=True
        )


def waiting(
    limit: int,
    but: Collection[str] = (),
    confirmed: Collection[int] = (),
    closed: Collection[str] = (),
) -> list[Row]:
    """Read the oldest messages that wait, and were not refused.

    Leaves out messages after a refused message about the same subject. Where
    destinations are left out, only the oldest message about each subject is
    read.

    Always from the beginning: ids are assigned before the commit, so a message
    may become visible after a message with a higher id.

    :param limit: how many at most
    :param but: subjects to leave out
    :param confirmed: numbers of messages to leave out
    :param closed: destinations to leave out
    :returns: messages in the order in which they were stored
    """
    query = _OLDEST_OF_OPEN if closed else _BEHIND_NO_REFUSED
    parameters: dict[str, Any] = {'limit': limit, 'but': sorted(but)}
    parameters['confirmed'] = sorted(confirmed)
    if closed:
        parameters['closed'] = sorted(closed)
    with reader() as session:
        return [Row(*row) for row in session.execute(query, parameters)]


def still_waiting(
    ids: Collection[int], confirmed: Collection[int] = ()
) -> list[Row]:
    """Read the messages among the given ones that can be published.

    :param ids: their numbers
    :param confirmed: numbers of messages for which no other waits
    :returns: messages, in any order
    """
    query = sa.select(*_ROW).where(
        _OUTBOX.id.in_(sorted(ids)), _WAITS, ~_follows()
    )
    parameters = {'confirmed': sorted(confirmed)}
    with reader() as session:
        return [Row(*row) for row in session.execute(query, parameters)]


def mark_refused(ids: Collection[int], holder: str) -> None:
    """Note that the bus has refused messages. For the relay alone.

    :param ids: their numbers
    :param holder: the relay, which has the lease or changes nothing
    """
    leads = sa.exists().where(
        schema.RELAY.c.holder == holder, schema.RELAY.c.expires_at > epoch()
    )
    with writer() as session:
        session.execute(
            schema.OUTBOX.update()
            .where(_OUTBOX.id.in_(sorted(ids)), _WAITS, leads)
            .values(attempts=1)
        )


def refused(limit: int, after: int = 0) -> list[Refused]:
    """Read the oldest messages that were refused and still wait.

    :param limit: how many at most
    :param after: only messages with higher numbers
    """
    query = (
        sa.select(_OUTBOX.id, _OUTBOX.subject, _DESTINATION)
        .where(_WAITS, _OUTBOX.attempts == 1, _OUTBOX.id > after)
        .order_by(_OUTBOX.id)
        .limit(limit)
    )
    with reader() as session:
        return [Refused(*row) for row in session.execute(query)]


def delete(ids: Collection[int]) -> None:
    """Delete messages that the bus has confirmed. For the relay alone.

    :param ids: their numbers
    """
    with writer() as session:
        session.execute(
            schema.OUTBOX.delete().where(_OUTBOX.id.in_(sorted(ids)))
        )


def backlog() -> Backlog:
    """Return the number of waiting messages, and the age of the oldest."""
    oldest = (
        sa.select(_OUTBOX.stored_at)
        .where(_WAITS)
        .order_by(_OUTBOX.id)
        .limit(1)
        .scalar_subquery()
    )
    counted = sa.select(sa.func.count()).select_from(schema.OUTBOX)
    with reader() as session:
        count, set_aside, refused, seconds = session.execute(
            sa.select(
                counted.where(_WAITS).scalar_subquery(),
                counted.where(_IS_ASIDE).scalar_subquery(),
                counted.where(_WAITS, _OUTBOX.attempts == 1).scalar_subquery(),
                epoch() - oldest,
            )
        ).one()
    return Backlog(count, max(0.0, seconds or 0.0), set_aside, refused)


def is_empty() -> bool:
    """Return whether the outbox holds no message."""
    with reader() as session:
        query = sa.select(_OUTBOX.id).limit(1)
        return session.execute(query).first() is None


def set_aside(id: int, attempts: int, error: str) -> None:
    """Set a message aside, if it waits. For the relay alone.

    :param id: its number
    :param attempts: how often the bus refused it
    :param error: the last refusal
    """
    with writer() as session:
        session.execute(
            schema.OUTBOX.update()
            .where(_OUTBOX.id == id, _WAITS)
            .values(
                set_aside_at=epoch(),
                attempts=attempts,
                error=error[:_MAX_ERROR],
            )
        )


def list_set_aside() -> list[SetAside]:
    """Read the messages that are set aside, the oldest first."""
    query = (
        sa.select(
            *_SHOWN,
            _OUTBOX.attempts,
            _OUTBOX.error,
            epoch() - _OUTBOX.set_aside_at,
        )
        .where(_IS_ASIDE)
        .order_by(_OUTBOX.id)
    )
    with reader() as session:
        return [SetAside(*row) for row in session.execute(query)]


def retry(ids: Sequence[int]) -> set[int]:
    """Let messages that are set aside wait again. For the operator.

    :param ids: their numbers
    :returns: which of these numbers were set aside
    """
    return _change_set_aside(
        ids,
        schema.OUTBOX.update().values(
            set_aside_at=None, attempts=0, error=None
        ),
    )


def purge(ids: Sequence[int]) -> set[int]:
    """Delete messages that are set aside, unpublished. For the operator.

    :param ids: their numbers
    :returns: which of these numbers were set aside
    """
    return _change_set_aside(ids, schema.OUTBOX.delete())


def _change_set_aside(
    ids: Sequence[int], statement: sa.Update | sa.Delete
) -> set[int]:
    query = (
        sa.select(_OUTBOX.id)
        .where(_OUTBOX.id.in_(ids), _IS_ASIDE)
        .with_for_update()
    )
    with writer() as session:
        changed = set(session.execute(query).scalars())
        session.execute(statement.where(_OUTBOX.id.in_(sorted(changed))))
    return changed
