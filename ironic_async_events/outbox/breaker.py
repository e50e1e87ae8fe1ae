# SPDX-License-Identifier: Apache-2.0
"""Retry what the bus refuses, and find out whether it is the bus.

When a message is refused, either the bus is away or the message is wrong. Only
other messages show which: the bus confirms them, or refuses them too.

The bus is at fault until it confirms other messages. After some refusals in a
row without a confirmation, the relay pauses. Then it tries twice as many
messages. Messages to destinations where nothing was refused go first, and do
not wait for the end of the pause.

The refused message is a *suspect*. It is retried after pauses of its own.
Later messages about its subject wait, to keep the order; other messages go on.
When it is refused for long while others pass, it is set aside: a dead letter.
"""

from collections.abc import Callable
from collections.abc import Collection
import dataclasses
import heapq
import random
import sys
from typing import Any

from oslo_log import log as logging

from ironic_async_events.outbox.message import Unreadable
from ironic_async_events.outbox.reports import Outage
from ironic_async_events.outbox.stored import Row

LOG = logging.getLogger(__name__)

# Seconds of the first pause, and of the longest.
_FIRST = 0.25
_LONGEST = 10.0
# After how many refusals in a row the relay pauses: at first, and at most.
_FEWEST = 2
_MOST_REFUSALS = 64
# Between two confirmations the bus may have been away. So at most this many
# seconds between them count.
_GAP = 20.0
# Between two refusals the bus may have taken the message. So at most this
# share of the time counts between them.
_SHARE = 0.25
# A bus that confirmed a message this many seconds ago is not away.
_RECENT = 1.0
# How many suspects are remembered (about 70 MB), retried in a turn, and read
# from the database at once.
_MOST_SUSPECTS = 100000
_FEW = 16
_AT_ONCE = 2000
_MAX_ERROR = 255
_NEVER = float('inf')


def pause(failures: int) -> float:
    """Return a random pause, which grows to at most ten seconds.

    :param failures: after how many failures in a row, from 1 on
    """
    longest = min(_LONGEST, _FIRST * 2 ** min(failures - 1, 10))
    # The shortest is not 0: not even by chance is there a busy loop.
    return random.uniform(_FIRST / 4, longest)  # noqa: S311  # no secret


@dataclasses.dataclass(slots=True, eq=False)
class Suspect:
    """A message that was refused, the oldest about its subject.

    :param accused: whether another message passed since a refusal
    :param at: when it was last refused, by a clock that advances only while
        messages pass
    :param seconds: for how long this message was refused and others passed
    """

    id: int
    subject: str
    destination: str
    attempts: int = 0
    error: str = ''
    accused: bool = False
    at: float = _NEVER
    seconds: float = 0.0


class Breaker:
    """Counts refusals, sets pauses and remembers suspects.

    Used by the relay's thread. Suspects are also marked in the database, for
    the next leader, and for suspects for which there is no room here.

    :param seconds: for how long a message is refused, while others pass,
        before it is set aside
    """

    def __init__(
        self, rows: Any, seconds: float, clock: Callable[[], float]
    ) -> None:
        self._rows = rows
        self._seconds = seconds
        self._clock = clock
        self._outage = Outage('the message bus', clock)
        self._limit = _FEWEST
        self._retry_at = clock()
        #: Destinations where messages that were never tried before hung or
        #: were refused, and whether they were refused at once. Until they
        #: take a message, others go first.
        self.doubted: dict[str, bool] = {}
        # A clock that advances only while messages pass.
        self._passing = 0.0
        self._passed_at = float('-inf')
        self.clear()
        self.begin()

    def clear(self) -> None:
        """Forget all suspects: another relay may have retried them."""
        # After which message suspects are read from the database.
        self._after: int | None = 0
        # Numbers of messages that are not marked in the database yet.
        self._unmarked: list[int] = []
        self._by_subject: dict[str, Suspect] = {}
        # When each is retried, by destination.
        self._due: dict[str, list[tuple[float, int, Suspect]]] = {}
        # To be set aside.
        self._guilty: dict[int, Suspect] = {}

    @property
    def may_be_asked(self) -> bool:
        """Whether to go on. Also read by the threads of the lanes."""
        most = _MOST_REFUSALS if self._passed else self._limit
        return self._refusals < most

    def seconds_to_retry(self) -> float:
        """Return after how many seconds messages are retried."""
        return max(0.0, self._retry_at - self._clock())

    def begin(self) -> None:
        """Begin a turn."""
        if not self._by_subject:
            self.doubted.clear()
        self._refusals = 0
        self._passed = False
        self._pauses = False
        self._error: Exception | None = None

    def end(self, asked_all: bool) -> None:
        """End a turn, and set messages aside that are refused for long.

        :param asked_all: whether no other message is left to try
        """
        for suspect in list(self._guilty.values()):
            self._rows.set_aside(suspect.id, suspect.attempts, suspect.error)
            self._forget(suspect)
            LOG.error(
                'Message %d of the outbox, about %s, is set aside after %d '
                'attempts: %s. See "ironic-async-events outbox list".',
                suspect.id,
                suspect.subject,
                suspect.attempts,
                suspect.error,
            )
        if self._error is None or self._passed:
            return
        is_away = self._limit == _MOST_REFUSALS or (
            self._limit > _FEWEST and asked_all
        )
        failures = self._outage.failed(self._error, is_away)
        self._limit = min(2 * self._limit, _MOST_REFUSALS)
        if self._pauses:
            self._retry_at = self._clock() + pause(failures)

    def confirmed(self, row: Row) -> None:
        """Note a confirmation: the bus is not away."""
        now = self._clock()
        self._passed = True
        self._refusals = 0
        self._limit = _FEWEST
        self._retry_at = now
        self.doubted.pop(row.destination, None)
        if self._outage.lasts:
            # It was the bus: all suspects are retried now.
            self._due.clear()
            for suspect in self._by_subject.values():
                suspect.accused = False
                suspect.at = _NEVER
                suspect.seconds = 0.0
                self._schedule(suspect, now)
        self._forget(self._suspect(row))
        self._passing += min(now - self._passed_at, _GAP)
        self._passed_at = now
        waited = ''
        if self._outage.lasts:
            waited = f'; {self._rows.backlog().count} messages have waited'
        self._outage.over(waited)

    def refused(self, row: Row, error: Exception, hung: bool) -> None:
        """Note that a message was refused.

        :param hung: whether the publication hung before. Then it was a pause
            itself, and says nothing about messages that were never tried.
        """
        now = self._clock()
        is_unreadable = isinstance(error, Unreadable)
        known = self._suspect(row)
        if known is None:
            self._unmarked.append(row.id)
        suspect = known or self._add(row, now + pause(1))
        if suspect is not None:
            suspect.error = f'{type(error).__name__}: {error}'[:_MAX_ERROR]
            suspect.attempts += 1
            self._accuse(suspect, now)
            if is_unreadable or suspect.seconds >= self._seconds:
                self._guilty[suspect.id] = suspect
        if is_unreadable or (known is not None and known.accused):
            return
        # This may be the fault of the bus.
        self._error = error
        if not hung:
            self._pauses = True
            self._refusals += 1
        if known is None:
            was_refused = self.doubted.get(row.destination, False)
            self.doubted[row.destination] = was_refused or not hung

    def _accuse(self, suspect: Suspect, now: float) -> None:
        """Count the time since the refusal before, if others passed."""
        passing = self._passing - suspect.at
        if suspect.accused:
            suspect.seconds += max(0, min(passing, self._seconds * _SHARE))
        if passing > 0 or now - self._passed_at <= _RECENT:
            suspect.accused = True
        suspect.at = self._passing

    def mark(self, holder: str) -> None:
        """Mark new suspects in the database, before messages are read."""
        if self._unmarked:
            self._rows.mark_refused(self._unmarked, holder)
            self._unmarked.clear()

    def read(self, refused: int) -> None:
        """Read more suspects if so many are marked in the database."""
        known = len(self._by_subject)
        if self._after is None and refused > known:
            self._after = 0
        if self._after is None or known >= _MOST_SUSPECTS:
            return
        rows: list[Row] = self._rows.refused(_AT_ONCE, self._after)
        for row in rows:
            if row.subject not in self._by_subject:
                self._add(row, self._clock(), attempts=1)
        self._after = rows[-1].id if len(rows) == _AT_ONCE else None

    def read_due(
        self,
        busy: Collection[str],
        closed: Collection[str],
        confirmed: Collection[int],
    ) -> list[Row]:
        """Begin to retry suspects: read some, as many of each destination.

        Each is due again after its pause, whatever becomes of it now. A
        suspect is forgotten if it does not wait any more, or if it is not the
        oldest of its subject, until it is read again. The parameters are those
        of :func:`ironic_async_events.outbox.store.waiting`.
        """
        self._refusals = 0
        now = self._clock()
        heaps = [
            heap
            for destination, heap in self._due.items()
            if heap and heap[0][0] <= now and destination not in closed
        ]
        due: dict[int, Suspect] = {}
        for heap in heaps:
            left = max(1, _FEW // len(heaps))
            while left and heap and heap[0][0] <= now:
                _, _, suspect = heapq.heappop(heap)
                if self._by_subject.get(suspect.subject) is not suspect:
                    continue
                left -= 1
                self._schedule(suspect, now + pause(suspect.attempts))
                if suspect.subject not in busy:
                    due[suspect.id] = suspect
        if not due:
            return []
        rows: list[Row] = self._rows.still_waiting(due.keys(), confirmed)
        waiting = {row.id: row for row in rows}
        for id in due.keys() - waiting.keys():
            self._forget(due[id])
        return [waiting[id] for id in due if id in waiting]

    def _suspect(self, row: Row) -> Suspect | None:
        suspect = self._by_subject.get(row.subject)
        return suspect if suspect and suspect.id == row.id else None

    def _add(self, row: Row, due: float, attempts: int = 0) -> Suspect | None:
        """Remember the oldest suspect of a subject, if there is room."""
        other = self._by_subject.get(row.subject)
        if other is None:
            if len(self._by_subject) >= _MOST_SUSPECTS:
                return None
        elif other.id < row.id:
            return None
        self._forget(other)
        suspect = self._by_subject[row.subject] = Suspect(
            row.id, row.subject, sys.intern(row.destination), attempts
        )
        self._schedule(suspect, due)
        return suspect

    def _schedule(self, suspect: Suspect, due: float) -> None:
        heap = self._due.setdefault(suspect.destination, [])
        heapq.heappush(heap, (due, suspect.id, suspect))

    def _forget(self, suspect: Suspect | None) -> None:
        if suspect is not None:
            del self._by_subject[suspect.subject]
            self._guilty.pop(suspect.id, None)
