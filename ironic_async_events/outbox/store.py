# SPDX-License-Identifier: Apache-2.0
"""All SQL of the outbox, for messages and the lease.

The tables are defined in :mod:`ironic_async_events.outbox.schema`.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import event

from ironic_async_events.outbox import schema
from ironic_async_events.outbox.connection import epoch
from ironic_async_events.outbox.connection import reader
from ironic_async_events.outbox.connection import writer
from ironic_async_events.outbox.message import Message
from ironic_async_events.outbox.stored import Backlog
from ironic_async_events.outbox.stored import Leader
from ironic_async_events.outbox.stored import Row
from ironic_async_events.outbox.stored import SetAside

_OUTBOX = schema.OUTBOX.c
_WAITS = _OUTBOX.set_aside_at.is_(None)
_IS_ASIDE = _OUTBOX.set_aside_at.is_not(None)
_ROW = (_OUTBOX.id, _OUTBOX.message_id, _OUTBOX.subject, _OUTBOX.body)
_RELAY = schema.RELAY.c
_LEASE = _RELAY.id == 1
_MAX_ERROR = 255
# Made once: the relay executes it more often than all others together.
_WAITING = (
    sa.select(*_ROW)
    .where(
        _WAITS,
        _OUTBOX.subject.not_in(sa.bindparam('but', expanding=True)),
        _OUTBOX.id.not_in(sa.bindparam('confirmed', expanding=True)),
    )
    .order_by(_OUTBOX.id)
    .limit(sa.bindparam('limit', type_=sa.Integer))
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
    }
    with writer() as session:
        session.execute(schema.OUTBOX.insert().values(**values))
        event.listen(
            session, 'after_commit', lambda session: committed(), once=True
        )


def waiting(
    limit: int, but: Collection[str] = (), confirmed: Collection[int] = ()
) -> list[Row]:
    """Read the oldest messages that wait.

    Always from the beginning: ids are assigned before the commit, so a message
    may become visible after a message with a higher id.

    :param limit: how many at most
    :param but: subjects to leave out
    :param confirmed: numbers of messages to leave out
    :returns: messages in the order in which they were stored
    """
    parameters = {
        'limit': limit,
        'but': sorted(but),
        'confirmed': sorted(confirmed),
    }
    with reader() as session:
        return [Row(*row) for row in session.execute(_WAITING, parameters)]


def still_waiting(ids: Collection[int]) -> list[Row]:
    """Read the messages among the given ones that still wait.

    :param ids: their numbers
    :returns: messages, in any order
    """
    query = sa.select(*_ROW).where(_OUTBOX.id.in_(sorted(ids)), _WAITS)
    with reader() as session:
        return [Row(*row) for row in session.execute(query)]


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
        count, set_aside, seconds = session.execute(
            sa.select(
                counted.where(_WAITS).scalar_subquery(),
                counted.where(_IS_ASIDE).scalar_subquery(),
                epoch() - oldest,
            )
        ).one()
    return Backlog(count, max(0.0, seconds or 0.0), set_aside)


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
            *_ROW,
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


def leader() -> Leader:
    """Read which relay has the lease."""
    query = sa.select(
        _RELAY.holder, _RELAY.expires_at - epoch(), _RELAY.term
    ).where(_LEASE)
    with reader() as session:
        holder, seconds, term = session.execute(query).one()
    return Leader(holder, max(0.0, seconds), term)


class LeaseRow:
    """The row that is the lease, by the clock of the database."""

    def take(self, holder: str, seconds: float) -> float | None:
        """See :meth:`ironic_async_events.outbox.lease.Claims.take`."""
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

    def give_up(self, holder: str) -> None:
        """See :meth:`ironic_async_events.outbox.lease.Claims.give_up`."""
        with writer() as session:
            session.execute(
                schema.RELAY.update()
                .where(_LEASE, _RELAY.holder == holder)
                .values(expires_at=0.0)
            )
