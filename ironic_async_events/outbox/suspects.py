# SPDX-License-Identifier: Apache-2.0
"""Retry refused messages, and set them aside as dead letters.

When a message is refused, either the bus is away or the message is wrong. Only
other messages show which: the bus confirms them, or refuses them too. Later
messages about the same subject wait, to keep the order; other messages go on.
"""

from collections.abc import Callable
from collections.abc import Collection
import dataclasses
import heapq
import sys

from oslo_log import log as logging

from ironic_async_events.outbox import outage
from ironic_async_events.outbox import stored

LOG = logging.getLogger(__name__)

# Between two confirmations the bus may have been away. So at most this many
# seconds between them count.
_GAP = 20.0
# Between two refusals the bus may have taken the message. So at most this
# share of the time counts between them.
_SHARE = 0.25
# A bus that confirmed a message this many seconds ago is not away.
_RECENT = 1.0
# How many suspects are remembered.
_MOST = 100000
# How many suspects are retried in a turn.
_FEW = 16
# How many suspects are read from the database at once.
_AT_ONCE = 2000
_MAX_ERROR = 255


@dataclasses.dataclass(slots=True, eq=False)
class Suspect:
    """A message that was refused.

    :param id: the number of the message
    :param subject: what the message is about
    :param destination: where the message is published
    :param attempts: how often the message was refused
    :param error: the last refusal
    :param accused_at: when another message last passed after a refusal of
        this message, by a clock that advances only while messages pass
    :param seconds: for how long this message was refused and others passed
    """

    id: int
    subject: str
    destination: str
    attempts: int = 0
    error: str = ''
    accused_at: float | None = None
    seconds: float = 0.0


class Suspects:
    """Remembers refused messages. Used by the relay's thread.

    The messages are also marked in the database, where the next leader finds
    them, and where those stay for which there is no room here. 100,000
    suspects take about 70 MB at most.

    :param rows: all messages
    :param seconds: for how long a message is refused, while others pass,
        before it is set aside
    :param clock: tells the time, in seconds
    :param most: how many are remembered
    """

    def __init__(
        self,
        rows: stored.Rows,
        seconds: float,
        clock: Callable[[], float],
        most: int = _MOST,
    ) -> None:
        self._rows = rows
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self.clear()
        # A clock that advances only while messages pass.
        self._passing = 0.0
        self._passed_at = float('-inf')

    def clear(self) -> None:
        """Forget all suspects: another relay may have retried them."""
        # After which message suspects are read from the database.
        self._after: int | None = 0
        # Numbers of messages that are not marked in the database yet.
        self._unmarked: list[int] = []
        self._by_subject: dict[str, Suspect] = {}
        # When each is retried, by destination.
        self._due: dict[str, list[tuple[float, int, Suspect]]] = {}
        # Refused since another message passed.
        self._open: dict[str, Suspect] = {}
        #: The suspects to be set aside.
        self.guilty: dict[str, Suspect] = {}

    def __len__(self) -> int:
        return len(self._by_subject)

    def knows(self, row: stored.Row) -> bool:
        """Return whether a message is a suspect."""
        suspect = self._by_subject.get(row.subject)
        return suspect is not None and suspect.id == row.id

    def mark(self, holder: str) -> None:
        """Mark new suspects in the database, before fresh messages are read.

        :param holder: the relay, which has to have the lease
        :raises Exception: the error of the database
        """
        if self._unmarked:
            self._rows.mark_refused(self._unmarked, holder)
            self._unmarked.clear()

    def read(self, refused: int) -> None:
        """Read more of those that are marked in the database.

        :param refused: how many are marked, as far as that is known
        :raises Exception: the error of the database
        """
        if self._after is None and refused > len(self):
            self._after = 0
        if self._after is None or len(self) >= self._most:
            return
        found = self._rows.refused(_AT_ONCE, self._after)
        for row in found:
            if row.subject not in self._by_subject:
                self._add(
                    Suspect(row.id, row.subject, row.destination, 1),
                    self._clock(),
                )
        self._after = found[-1].id if len(found) == _AT_ONCE else None

    def _add(self, suspect: Suspect, due: float) -> bool:
        """Remember the oldest suspect of a subject, if there is room."""
        other = self._by_subject.get(suspect.subject)
        if other is None and len(self) >= self._most:
            return False
        if other is not None:
            if other.id < suspect.id:
                return False
            self.forget(other)
        suspect.destination = sys.intern(suspect.destination)
        self._by_subject[suspect.subject] = suspect
        self._schedule(suspect, due)
        return True

    def _schedule(self, suspect: Suspect, due: float) -> None:
        heapq.heappush(
            self._due.setdefault(suspect.destination, []),
            (due, suspect.id, suspect),
        )

    def due(
        self, busy: Collection[str], closed: Collection[str]
    ) -> list[Suspect]:
        """Take some suspects to be retried, as many of each destination.

        Each is due again after its pause, whatever becomes of it now.
        """
        now = self._clock()
        heaps = [
            heap
            for destination, heap in self._due.items()
            if heap and heap[0][0] <= now and destination not in closed
        ]
        taken: list[Suspect] = []
        for heap in heaps:
            left = max(1, _FEW // len(heaps))
            while left and heap and heap[0][0] <= now:
                _, _, suspect = heapq.heappop(heap)
                if self._by_subject.get(suspect.subject) is not suspect:
                    continue
                left -= 1
                self._schedule(suspect, now + outage.pause(suspect.attempts))
                if suspect.subject not in busy:
                    taken.append(suspect)
        return taken

    def refused(
        self, row: stored.Row, error: BaseException, unreadable: bool
    ) -> bool:
        """Note that a message was refused.

        :param row: the message
        :param error: how it was refused
        :param unreadable: whether it cannot be decoded
        :returns: whether this may be the fault of the bus
        """
        now = self._clock()
        fresh = not self.knows(row)
        if fresh:
            self._unmarked.append(row.id)
            if not self._add(
                Suspect(row.id, row.subject, row.destination),
                now + outage.pause(1),
            ):
                return not unreadable
        suspect = self._by_subject[row.subject]
        suspect.error = f'{type(error).__name__}: {error}'[:_MAX_ERROR]
        suspect.attempts += 1
        if unreadable:
            self.guilty[row.subject] = suspect
        if suspect.accused_at is None and now - self._passed_at <= _RECENT:
            suspect.accused_at = self._passing
        self._open[row.subject] = suspect
        return not unreadable and (fresh or suspect.accused_at is None)

    def passed(self, row: stored.Row) -> None:
        """Note a confirmation, which counts against all refused before."""
        if self.knows(row):
            self.forget(self._by_subject[row.subject])
        now = self._clock()
        self._passing += min(now - self._passed_at, _GAP)
        self._passed_at = now
        for suspect in self._open.values():
            if suspect.accused_at is not None:
                suspect.seconds += min(
                    self._passing - suspect.accused_at, self._seconds * _SHARE
                )
                if suspect.seconds >= self._seconds:
                    self.guilty[suspect.subject] = suspect
            suspect.accused_at = self._passing
        self._open.clear()

    def forget(self, suspect: Suspect) -> None:
        """Note that a suspect was published or set aside."""
        for each in (self._by_subject, self._open, self.guilty):
            each.pop(suspect.subject, None)

    def acquit(self) -> None:
        """Let all suspects be retried now: it was the bus."""
        self._open.clear()
        self._due.clear()
        for suspect in self._by_subject.values():
            suspect.accused_at = None
            suspect.seconds = 0.0
            self._schedule(suspect, self._clock())

    def read_due(
        self,
        busy: Collection[str],
        closed: Collection[str],
        confirmed: Collection[int],
    ) -> list[stored.Row]:
        """Read the rows of some suspects to be retried, by their numbers.

        A suspect is forgotten if it does not wait any more, or if it is not
        the oldest of its subject, until it is read again.

        :param busy: subjects to pass over
        :param closed: destinations to pass over
        :param confirmed: numbers of messages that were published
        :returns: rows, the longest waiting first
        :raises Exception: the error of the database
        """
        due = self.due(busy, closed)
        if not due:
            return []
        rows = self._rows.still_waiting([x.id for x in due], confirmed)
        waiting = {row.id: row for row in rows}
        for suspect in due:
            if suspect.id not in waiting:
                self.forget(suspect)
        return [waiting[x.id] for x in due if x.id in waiting]

    def set_aside_guilty(self) -> None:
        """Set messages aside that are refused while other messages pass.

        :raises Exception: the error of the database
        """
        for suspect in list(self.guilty.values()):
            self._rows.set_aside(suspect.id, suspect.attempts, suspect.error)
            self.forget(suspect)
            LOG.error(
                'Message %d of the outbox, about %s, is set aside after %d '
                'attempts: %s. See "ironic-async-events outbox list".',
                suspect.id,
                suspect.subject,
                suspect.attempts,
                suspect.error,
            )
