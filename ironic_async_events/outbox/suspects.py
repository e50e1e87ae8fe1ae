# SPDX-License-Identifier: Apache-2.0
"""Messages that were refused, and whose fault it was.

When a message is refused, either the bus is away or something is wrong with
the message. Only other messages can tell: they pass, or they do not. Later
messages about the same subject wait, for the order; all others go on.
"""

from collections.abc import Callable
from collections.abc import Collection
import dataclasses

from ironic_async_events.outbox import backoff

_FIRST = 0.25
_LONGEST = 10.0
# Nobody knows what the bus did between two messages that passed. So the time
# between them counts up to this many seconds.
_GAP = 20.0
# A bus that has taken a message so many seconds ago is there.
_RECENT = 1.0
# More of them would make too long a query.
_MOST = 10000


@dataclasses.dataclass(slots=True)
class Suspect:
    """A message that was refused.

    :param id: its number
    :param subject: what it is about
    :param pauses: how long it waits
    :param error: how it was refused the last time
    :param due: when it is tried again
    :param attempts: how often it was refused
    :param unreadable: whether it cannot be decoded
    :param accused_at: when another message passed last that counts against
        this one; None if no message does
    :param seconds: for how long it was refused while others passed
    """

    id: int
    subject: str
    pauses: backoff.BackOff
    error: str = ''
    due: float = 0.0
    attempts: int = 0
    unreadable: bool = False
    accused_at: float | None = None
    seconds: float = 0.0


class Suspects:
    """The messages that were refused. Used by the relay's thread.

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
        """The subjects of these messages."""
        return self._by_subject.keys()

    @property
    def are_too_many(self) -> bool:
        """Whether no more of them can be remembered."""
        return len(self._by_subject) >= _MOST

    def due(self) -> list[Suspect]:
        """Return the messages that may be tried again, the first one first."""
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
        :param subject: what it is about
        :param error: how it was refused
        :param unreadable: whether it cannot be decoded
        :returns: whether this may be the fault of the bus
        """
        now = self._clock()
        suspect = self._by_subject.get(subject)
        fresh = suspect is None or suspect.id != id
        if suspect is None or suspect.id != id:
            suspect = self._by_subject[subject] = Suspect(
                id, subject, backoff.BackOff(_FIRST, _LONGEST)
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

        It counts against all messages that were refused before.

        :param subject: what it is about
        """
        self.forget(subject)
        self._passed_at = now = self._clock()
        for suspect in self._open.values():
            if suspect.accused_at is not None:
                suspect.seconds += min(now - suspect.accused_at, _GAP)
            suspect.accused_at = now
        self._open.clear()

    def guilty(self) -> list[Suspect]:
        """Return the messages that are to be set aside."""
        return [
            suspect
            for suspect in self._by_subject.values()
            if suspect.unreadable or suspect.seconds >= self._seconds
        ]

    def forget(self, subject: str) -> None:
        """Note that a message was published, or set aside.

        :param subject: what it is about
        """
        self._by_subject.pop(subject, None)
        self._open.pop(subject, None)

    def acquit(self) -> None:
        """Let all be tried again now: it was the bus."""
        for suspect in self._by_subject.values():
            suspect.due = self._clock()
            suspect.accused_at = None
            suspect.seconds = 0.0
        self._open.clear()

    def clear(self) -> None:
        """Forget everything: others may have tried in the meantime."""
        self._by_subject.clear()
        self._open.clear()
