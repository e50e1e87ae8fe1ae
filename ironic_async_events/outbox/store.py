# SPDX-License-Identifier: Apache-2.0
"""All SQL about the messages of the outbox and the lease of the relay."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import functools
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from ironic_async_events.outbox import schema
from ironic_async_events.outbox.connection import epoch
from ironic_async_events.outbox.connection import reader
from ironic_async_events.outbox.connection import writer
from ironic_async_events.outbox.message import Message
from ironic_async_events.outbox.stored import Backlog
from ironic_async_events.outbox.stored import Row

_OUTBOX = schema.OUTBOX.c
_WAITS = _OUTBOX.set_aside_at.is_(None)
_IS_ASIDE = _OUTBOX.set_aside_at.is_not(None)
_DESTINATION = sa.func.coalesce(_OUTBOX.destination, '')
_ROW = (_OUTBOX.id, _OUTBOX.subject, _OUTBOX.body, _DESTINATION)
_OLDER = schema.OUTBOX.alias('older').c
_RELAY = schema.RELAY.c
_LEASE = _RELAY.id == 1
_MAX_ERROR = 255

_list = functools.partial(sa.bindparam, expanding=True)
# Selects messages after a message about the same subject that waits.
_FOLLOWS = sa.exists().where(
    _OLDER.subject == _OUTBOX.subject,
    _OLDER.id < _OUTBOX.id,
    _OLDER.set_aside_at.is_(None),
    _OLDER.id.not_in(_list('confirmed')),
)
# Made once: the relay executes it more often than all others together.
_WAITING = (
    sa.select(*_ROW)
    .where(_WAITS, _OUTBOX.attempts == 0, _OUTBOX.subject.not_in(_list('but')))
    .where(_OUTBOX.id.not_in(_list('confirmed')))
    .order_by(_OUTBOX.id)
    .limit(sa.bindparam('limit', type_=sa.Integer))
)
_BEHIND_NO_REFUSED = _WAITING.where(~_FOLLOWS.where(_OLDER.attempts == 1))
_OLDEST_OF_OPEN = _WAITING.where(
    _DESTINATION.not_in(_list('closed')), ~_FOLLOWS
)
_STILL_WAITING = sa.select(*_ROW).where(
    _OUTBOX.id.in_(_list('ids')), _WAITS, ~_FOLLOWS
)


def _rows(query: sa.Select[Any], **parameters: Any) -> list[Row]:
    with reader() as session:
        return [Row(*row) for row in session.execute(query, parameters)]


def _execute(statement: sa.Update | sa.Delete) -> None:
    with writer() as session:
        session.execute(statement)


def put(message: Message, committed: Callable[[], None]) -> None:
    """Store a message, in the open transaction if there is one.

    Called by whatever thread sends a notification.

    :param committed: called in the same thread after the commit
    :raises TypeError: when the message is no JSON; or a ``ValueError``
    """
    insert = schema.OUTBOX.insert().values(
        message_id=message.id,
        subject=message.subject,
        body=message.encode(),
        stored_at=epoch(),
        attempts=0,
        destination=message.destination,
    )
    with writer() as session:
        session.execute(insert)
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

    Leaves out messages after a refused message about the same subject and,
    where destinations are closed, all but the oldest about each subject.
    Always from the beginning: ids are assigned before the commit, so a message
    may become visible after a message with a higher id.

    :param but: subjects to leave out
    :param confirmed: numbers of messages to leave out
    :param closed: destinations to leave out
    """
    more = {'closed': sorted(closed)} if closed else {}
    return _rows(
        _OLDEST_OF_OPEN if closed else _BEHIND_NO_REFUSED,
        limit=limit,
        but=sorted(but),
        confirmed=sorted(confirmed),
        **more,
    )


def still_waiting(
    ids: Collection[int], confirmed: Collection[int] = ()
) -> list[Row]:
    """Read the messages among the given ones that can be published."""
    return _rows(_STILL_WAITING, ids=sorted(ids), confirmed=sorted(confirmed))


def mark_refused(ids: Collection[int], holder: str) -> None:
    """Note that the bus has refused messages, if the holder has the lease."""
    leads = sa.exists().where(
        _RELAY.holder == holder, _RELAY.expires_at > epoch()
    )
    _execute(
        schema.OUTBOX.update()
        .where(_OUTBOX.id.in_(sorted(ids)), _WAITS, leads)
        .values(attempts=1)
    )


def refused(limit: int, after: int = 0) -> list[Row]:
    """Read refused messages after a number, without their bodies."""
    return _rows(
        sa.select(_OUTBOX.id, _OUTBOX.subject, sa.literal(''), _DESTINATION)
        .where(_WAITS, _OUTBOX.attempts == 1, _OUTBOX.id > after)
        .order_by(_OUTBOX.id)
        .limit(limit)
    )


def delete(ids: Collection[int]) -> None:
    """Delete messages that the bus has confirmed."""
    _execute(schema.OUTBOX.delete().where(_OUTBOX.id.in_(sorted(ids))))


def set_aside(id: int, attempts: int, error: str) -> None:
    """Set a message aside if it waits, with the lease or without it."""
    _execute(
        schema.OUTBOX.update()
        .where(_OUTBOX.id == id, _WAITS)
        .values(
            set_aside_at=epoch(), attempts=attempts, error=error[:_MAX_ERROR]
        )
    )


def backlog() -> Backlog:
    """Count the messages, and return the age of the oldest."""
    stored_at = sa.select(_OUTBOX.stored_at).where(_WAITS)
    oldest = stored_at.order_by(_OUTBOX.id).limit(1).scalar_subquery()
    counted = sa.select(sa.func.count()).select_from(schema.OUTBOX)
    query = sa.select(
        counted.where(_WAITS).scalar_subquery(),
        epoch() - oldest,
        counted.where(_IS_ASIDE).scalar_subquery(),
        counted.where(_WAITS, _OUTBOX.attempts == 1).scalar_subquery(),
    )
    with reader() as session:
        count, seconds, set_aside, refused = session.execute(query).one()
    return Backlog(count, max(0.0, seconds or 0.0), set_aside, refused)


def is_empty() -> bool:
    """Return whether the outbox holds no message."""
    with reader() as session:
        row = session.execute(sa.select(_OUTBOX.id).limit(1)).first()
    return row is None


def list_set_aside() -> Sequence[sa.Row[Any]]:
    """Read the messages that are set aside, the oldest first.

    :returns: rows with ``id``, ``message_id``, ``subject``, ``body``,
        ``attempts``, ``error``, and ``seconds``: since when
    """
    seconds = (epoch() - _OUTBOX.set_aside_at).label('seconds')
    query = sa.select(schema.OUTBOX, seconds).where(_IS_ASIDE)
    with reader() as session:
        rows: Sequence[sa.Row[Any]] = session.execute(
            query.order_by(_OUTBOX.id)
        ).all()
    return rows


def retry(ids: Sequence[int]) -> set[int]:
    """Let messages that are set aside wait again; return their numbers."""
    waits = {'set_aside_at': None, 'attempts': 0, 'error': None}
    return _change_set_aside(ids, schema.OUTBOX.update().values(waits))


def purge(ids: Sequence[int]) -> set[int]:
    """Delete messages that are set aside, and return their numbers."""
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


def leader() -> tuple[str, float]:
    """Read which relay took the lease last, and for how long it is valid."""
    query = sa.select(_RELAY.holder, _RELAY.expires_at - epoch()).where(_LEASE)
    with reader() as session:
        holder, seconds = session.execute(query).one()
    return holder, max(0.0, seconds)


def take_lease(holder: str, seconds: float) -> float | None:
    """Take the lease, or renew it, by the clock of the database.

    :returns: None when the holder has the lease; else the seconds until the
        lease ends
    """
    now = epoch()
    with writer() as session:
        taken = session.execute(
            schema.RELAY.update()
            .where(
                _LEASE,
                sa.or_(_RELAY.holder == holder, _RELAY.expires_at <= now),
            )
            # In this order: MySQL reads columns that it has just set.
            .ordered_values(
                (
                    _RELAY.term,
                    _RELAY.term
                    + sa.case((_RELAY.holder == holder, 0), else_=1),
                ),
                (_RELAY.holder, holder),
                (_RELAY.expires_at, now + seconds),
            )
        )
        if taken.rowcount:
            return None
        left: float | None = session.execute(
            sa.select(_RELAY.expires_at - now).where(_LEASE)
        ).scalar_one()
    return max(0.0, left or 0.0)


def give_up_lease(holder: str) -> None:
    """Let another relay take the lease at once."""
    _execute(
        schema.RELAY.update()
        .where(_LEASE, _RELAY.holder == holder)
        .values(expires_at=0.0)
    )
