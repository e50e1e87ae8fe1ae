# SPDX-License-Identifier: Apache-2.0
"""Messages that were refused, and whose fault it was.

When a message is refused, either the bus is away or something is wrong with
the message. Only other messages can tell: they pass, or they do not. Until
that is known, later messages about the same subject wait, for the order;
those about others go on.
"""

from collections.abc import Callable
import dataclasses

from ironic_async_events.outbox import backoff

_FIRST = 0.25
_LONGEST = 5.0


@dataclasses.dataclass(slots=True)
class Suspect:
    """A message that was refused.

    :param id: its number
    :param subject: what it is about
    :param error: how it was refused the last time
    :param due: when it is tried again
    :param pauses: how long it waits
    :param attempts: how often it was refused by itself
    :param open: whether it is not known yet whose fault the last time was
    """

    id: int
    subject: str
    error: str
    due: float
    pauses: backoff.BackOff
    attempts: int = 0
    open: bool = False


class Suspects:
    """The messages that were refused. Used by the relay's thread.

    :param attempts: how often a message is refused by itself before it is
        set aside
    :param clock: tells the time, in seconds
    """

    def __init__(self, attempts: int, clock: Callable[[], float]) -> None:
        self._limit = attempts
        self._clock = clock
        self._by_subject: dict[str, Suspect] = {}

    def blocked(self) -> set[str]:
        """Return the subjects about which nothing is published now."""
        now = self._clock()
        return {
            subject
            for subject, one in self._by_subject.items()
            if now < one.due
        }

    def refused(
        self, id: int, subject: str, error: BaseException, own: bool
    ) -> Suspect | None:
        """Note that a message was refused.

        :param id: its number
        :param subject: what it is about
        :param error: how it was refused
        :param own: whether the fault is known to be the message's
        :returns: the message if it is to be set aside
        """
        one = self._by_subject.get(subject)
        if one is None or one.id != id:
            one = self._by_subject[subject] = Suspect(
                id, subject, '', 0.0, backoff.BackOff(_FIRST, _LONGEST)
            )
        one.error = f'{type(error).__name__}: {error}'
        one.due = self._clock() + one.pauses.next()
        one.attempts += own
        one.open = not own
        return one if one.attempts >= self._limit else None

    def passed(self, subject: str) -> list[Suspect]:
        """Note that a message was confirmed.

        :param subject: what it is about
        :returns: messages to be set aside, now that it is known that it was
            not the bus
        """
        self._by_subject.pop(subject, None)
        guilty = []
        for one in self._by_subject.values():
            one.attempts += one.open
            one.open = False
            if one.attempts >= self._limit:
                guilty.append(one)
        return guilty

    def forget(self, subject: str) -> None:
        """Note that a message was set aside.

        :param subject: what it is about
        """
        self._by_subject.pop(subject, None)

    def try_all(self) -> None:
        """Let every message be tried again now."""
        for one in self._by_subject.values():
            one.due = self._clock()

    def clear(self) -> None:
        """Forget everything: the lease is lost, and others may have tried."""
        self._by_subject.clear()
