# SPDX-License-Identifier: Apache-2.0
"""Which relay of the cluster is the active one.

Not a lock of tooz or of the database: those are held by a connection, and
nobody could say for how long a relay may trust one that it has taken.
"""

from collections.abc import Callable
import dataclasses
import time
from typing import Protocol

import sqlalchemy as sa

from ironic_async_events.outbox import dbtime
from ironic_async_events.outbox import store
from ironic_async_events.outbox import table

_COLUMNS = table.RELAY.c
_THE_ROW = _COLUMNS.id == 1

# The lease is taken for this share of its time, so that another has taken over
# when all of the time is gone.
_TAKEN = 0.95
# A holder trusts its lease for this share of the time only: its clock and
# the database's need not run at the same speed.
_TRUSTED = 0.85
# It asks for more time as often as this within the time of one lease.
_RENEWALS = 4
# The others look again this long after the lease should have ended.
_AFTER = 0.01


def clock() -> float:
    """Return seconds, which also pass while the machine is suspended."""
    return time.clock_gettime(
        getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)
    )


class Claims(Protocol):
    """Where the lease is kept."""

    def take(self, holder: str, seconds: float) -> float | None:
        """Take the lease, or take it for longer.

        :param holder: who asks
        :param seconds: for how long
        :returns: None when the holder has it; else in how many seconds it
            ends
        """

    def give_up(self, holder: str) -> None:
        """Let somebody else take the lease at once."""


class Row:
    """The lease in the database, by the clock of the database."""

    def take(self, holder: str, seconds: float) -> float | None:
        """See :meth:`Claims.take`."""
        now = dbtime.epoch()
        with store.writer() as session:
            taken = session.execute(
                table.RELAY.update()
                .where(
                    _THE_ROW,
                    sa.or_(
                        _COLUMNS.holder == holder, _COLUMNS.expires_at <= now
                    ),
                )
                # In this order: MySQL reads what it has set already.
                .ordered_values(
                    (
                        _COLUMNS.term,
                        _COLUMNS.term
                        + sa.case((_COLUMNS.holder == holder, 0), else_=1),
                    ),
                    (_COLUMNS.holder, holder),
                    (_COLUMNS.expires_at, now + seconds),
                )
            )
            if taken.rowcount:
                return None
            left: float | None = session.execute(
                sa.select(_COLUMNS.expires_at - now).where(_THE_ROW)
            ).scalar_one()
        return max(0.0, left or 0.0)

    def give_up(self, holder: str) -> None:
        """See :meth:`Claims.give_up`."""
        with store.writer() as session:
            session.execute(
                table.RELAY.update()
                .where(_THE_ROW, _COLUMNS.holder == holder)
                .values(expires_at=0.0)
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """What the database says of the lease.

    :param holder: who took it last; empty when nobody ever did
    :param seconds: for how long it is valid; 0 when it is not
    :param term: how often it has changed hands
    """

    holder: str
    seconds: float
    term: int


def look() -> Held:
    """Read who has the lease."""
    with store.reader() as session:
        holder, seconds, term = session.execute(
            sa.select(
                _COLUMNS.holder,
                _COLUMNS.expires_at - dbtime.epoch(),
                _COLUMNS.term,
            ).where(_THE_ROW)
        ).one()
    return Held(holder, max(0.0, seconds), term)


class Lease:
    """One relay's view of the lease. Used by the relay's thread alone.

    :param claims: where the lease is kept
    :param holder: a name that nobody else has
    :param seconds: within which another takes over from a holder that dies
    :param clock: tells the time, in seconds
    """

    def __init__(
        self,
        claims: Claims,
        holder: str,
        seconds: float,
        clock: Callable[[], float] = clock,
    ) -> None:
        self.holder = holder
        self.seconds = seconds
        self._claims = claims
        self._clock = clock
        self._trusted_until = self._ask_at = clock()

    def is_valid(self) -> bool:
        """Tell, without asking the database, whether the lease is held."""
        return self._clock() < self._trusted_until

    def hold(self) -> bool:
        """Take or renew the lease when it is time to, and tell if it is held.

        :raises Exception: what the database says
        """
        # Before the question: the answer may take its time.
        now = self._clock()
        if now >= self._ask_at:
            left = self._claims.take(self.holder, self.seconds * _TAKEN)
            pause = self.seconds / _RENEWALS
            if left is None:
                self._trusted_until = now + self.seconds * _TRUSTED
                self._ask_at = now + pause
            else:
                self._trusted_until = now
                self._ask_at = self._clock() + min(pause, left + _AFTER)
        return self.is_valid()

    def seconds_to_next(self) -> float:
        """Return after how many seconds the database has to be asked."""
        return max(0.0, self._ask_at - self._clock())

    def give_up(self) -> None:
        """Let somebody else take the lease at once.

        :raises Exception: what the database says
        """
        self._trusted_until = self._ask_at = self._clock()
        self._claims.give_up(self.holder)
