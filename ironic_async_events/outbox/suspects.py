# SPDX-License-Identifier: Apache-2.0
"""Retry refused messages, and set them aside as dead letters.

When a message is refused, either the bus is away or the message is wrong. Only
other messages show which: the bus confirms them, or refuses them too. Later
messages about the same subject wait, to keep the order; other messages go on.
"""

from collections.abc import Callable
from collections.abc import Collection
import dataclasses

from oslo_log import log as logging

from ironic_async_events.outbox import outage
from ironic_async_events.outbox import stored

LOG = logging.getLogger(__name__)

# Between two confirmations the bus may have been away. So the time between
# them counts only up to this many seconds.
_GAP = 20.0
# A bus that confirmed a message this many seconds ago is not away.
_RECENT = 1.0
# More suspects would make the query too long.
_MOST = 10000


@dataclasses.dataclass(slots=True)
class Suspect:
    """A message that was refused.

    :param id: the number of the message
    :param subject: what the message is about
    :param pauses: the pauses between attempts
    :param error: the last refusal
    :param due: when the message is retried
    :param attempts: how often the message was refused
    :param unreadable: whether the message cannot be decoded
    :param accused_at: when the bus last confirmed another message that counts
        against this suspect; None if no message does
    :param seconds: for how long the bus refused this message and confirmed
        other messages
    """

    id: int
    subject: str
    pauses: outage.BackOff
    error: str = ''
    due: float = 0.0
    attempts: int = 0
    unreadable: bool = False
    accused_at: float | None = None
    seconds: float = 0.0


class Suspects:
    """Remembers refused messages. Used by the relay's thread.

    :param seconds: for how long a message is refused, while others pass,
        before it is set aside
    :param clock: tells the time, in seconds
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._by_subject: dict[str, Suspect] = {}
        # Refused since another message passed.
        self._open: dict[str, Suspect] = {}
        self._passed_at = float('-inf')

    @property
    def subjects(self) -> Collection[str]:
        """The subjects of the suspects."""
        return self._by_subject.keys()

    @property
    def are_too_many(self) -> bool:
        """Whether no more suspects can be remembered."""
        return len(self._by_subject) >= _MOST

    def due(self) -> list[Suspect]:
        """Return the suspects to be retried, the longest waiting first."""
        now = self._clock()
        return sorted(
            (x for x in self._by_subject.values() if x.due <= now),
            key=lambda suspect: suspect.due,
        )

    def refused(
        self, id: int, subject: str, error: BaseException, unreadable: bool
    ) -> bool:
        """Note that a message was refused.

        :param id: its number
        :param subject: what the message is about
        :param error: how it was refused
        :param unreadable: whether it cannot be decoded
        :returns: whether this may be the fault of the bus
        """
        now = self._clock()
        suspect = self._by_subject.get(subject)
        fresh = suspect is None or suspect.id != id
        if suspect is None or suspect.id != id:
            suspect = self._by_subject[subject] = Suspect(
                id, subject, outage.BackOff()
            )
        suspect.error = f'{type(error).__name__}: {error}'
        suspect.due = now + suspect.pauses.next()
        suspect.attempts += 1
        suspect.unreadable = unreadable
        if suspect.accused_at is None and now - self._passed_at <= _RECENT:
            suspect.accused_at = self._passed_at
        self._open[subject] = suspect
        return not unreadable and (fresh or suspect.accused_at is None)

    def passed(self, subject: str) -> None:
        """Note that a message was confirmed.

        It counts against all suspects that were refused before.

        :param subject: what the message is about
        """
        self.forget(subject)
        self._passed_at = now = self._clock()
        for suspect in self._open.values():
            if suspect.accused_at is not None:
                suspect.seconds += min(now - suspect.accused_at, _GAP)
            suspect.accused_at = now
        self._open.clear()

    def guilty(self) -> list[Suspect]:
        """Return the suspects to be set aside."""
        return [
            suspect
            for suspect in self._by_subject.values()
            if suspect.unreadable or suspect.seconds >= self._seconds
        ]

    def forget(self, subject: str) -> None:
        """Note that a suspect was published or set aside.

        :param subject: what the message is about
        """
        self._by_subject.pop(subject, None)
        self._open.pop(subject, None)

    def acquit(self) -> None:
        """Let all suspects be retried now: it was the bus."""
        for suspect in self._by_subject.values():
            suspect.due = self._clock()
            suspect.accused_at = None
            suspect.seconds = 0.0
        self._open.clear()

    def clear(self) -> None:
        """Forget all suspects: another relay may have retried them."""
        self._by_subject.clear()
        self._open.clear()


def read_due(
    rows: stored.Rows, suspects: Suspects, busy: Collection[str], limit: int
) -> list[stored.Row]:
    """Read the rows of suspects to be retried.

    By their numbers: each is the oldest of its subject. A suspect that does
    not wait any more is forgotten. Called by the relay's thread.

    :param rows: all messages
    :param suspects: the messages that were refused
    :param busy: subjects to leave out
    :param limit: how many at most
    :returns: rows, the longest waiting first
    :raises Exception: the error of the database
    """
    due = [x for x in suspects.due() if x.subject not in busy][:limit]
    if not due:
        return []
    waiting = {row.id: row for row in rows.still_waiting([x.id for x in due])}
    for suspect in due:
        if suspect.id not in waiting:
            suspects.forget(suspect.subject)
    return [waiting[x.id] for x in due if x.id in waiting]


def set_aside_guilty(rows: stored.Rows, suspects: Suspects) -> int:
    """Set messages aside that the bus refuses while it takes other messages.

    Called by the relay's thread.

    :param rows: all messages
    :param suspects: the messages that were refused
    :returns: how many
    :raises Exception: the error of the database
    """
    guilty = suspects.guilty()
    for suspect in guilty:
        rows.set_aside(suspect.id, suspect.attempts, suspect.error)
        suspects.forget(suspect.subject)
        LOG.error(
            'Message %(id)d of the outbox, about %(subject)s, is set aside '
            'after %(attempts)d attempts: %(error)s. See '
            '"ironic-async-events outbox list".',
            {
                'id': suspect.id,
                'subject': suspect.subject,
                'attempts': suspect.attempts,
                'error': suspect.error,
            },
        )
    return len(guilty)
