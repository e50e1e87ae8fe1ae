# SPDX-License-Identifier: Apache-2.0
"""All SQL about the lease: a row, timed by the clock of the database."""

import sqlalchemy as sa

from ironic_async_events.outbox import schema
from ironic_async_events.outbox.connection import epoch
from ironic_async_events.outbox.connection import reader
from ironic_async_events.outbox.connection import writer
from ironic_async_events.outbox.stored import Leader

_RELAY = schema.RELAY.c
_LEASE = _RELAY.id == 1


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
