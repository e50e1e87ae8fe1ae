# SPDX-License-Identifier: Apache-2.0
"""Is the bus away, or does it refuse some messages?

A refusal counts as a fault of the bus until the bus confirms other messages.
After some refusals in a row without a confirmation, the relay pauses. Then it
tries twice as many messages. Messages to destinations where nothing was
refused go first, and do not wait for the end of the pause. So refused messages
delay other messages by a few pauses at most.
"""

from collections.abc import Callable

from ironic_async_events.outbox import outage
from ironic_async_events.outbox import stored
from ironic_async_events.outbox.message import Unreadable
from ironic_async_events.outbox.suspects import Suspects

_FEWEST = 2
_MOST = 64


class Judge:
    """Counts refusals and sets the pauses. Used by the relay's thread.

    :param suspects: the messages that were refused
    :param clock: tells the time, in seconds
    :param most: the maximum of refusals in a row
    """

    def __init__(
        self,
        suspects: Suspects,
        clock: Callable[[], float],
        most: int = _MOST,
    ) -> None:
        self.suspects = suspects
        self._clock = clock
        self._outage = outage.Outage('the message bus', clock)
        self._most = max(_FEWEST, most)
        self._limit = _FEWEST
        #: Destinations where messages that were never tried before hung or
        #: were refused, and those where they were refused at once. Until
        #: they take a message, others go first.
        self.doubted: set[str] = set()
        self.refusing: set[str] = set()
        self._retry_at = clock()
        self.begin()

    @property
    def may_be_asked(self) -> bool:
        """Whether to go on. Also read by the threads of the lanes."""
        return self._refusals < (self._most if self._passed else self._limit)

    @property
    def is_trusted(self) -> bool:
        """Whether no message was refused. Read by the threads of the lanes."""
        return not self._refusals

    def seconds_to_retry(self) -> float:
        """Return after how many seconds messages are retried."""
        return max(0.0, self._retry_at - self._clock())

    def begin(self) -> None:
        """Begin a turn."""
        if not self.suspects:
            self.doubted.clear()
            self.refusing.clear()
        self._refusals = 0
        self._passed = False
        self._pauses = False
        self._error: Exception | None = None

    def begin_again(self) -> None:
        """Begin the part of a turn that retries the suspects."""
        self._refusals = 0

    def confirmed(self, row: stored.Row, waited: Callable[[], int]) -> None:
        """Note that a message was confirmed.

        :param row: the message
        :param waited: counts the messages that waited
        :raises Exception: what ``waited`` raises
        """
        lasted = self._outage.lasts
        self._passed = True
        self._refusals = 0
        self._limit = _FEWEST
        self._retry_at = self._clock()
        self.doubted.discard(row.destination)
        self.refusing.discard(row.destination)
        if lasted:
            self.suspects.acquit()
        self.suspects.passed(row)
        self._outage.over(waited)

    def refused(self, row: stored.Row, error: Exception, hung: bool) -> None:
        """Note that a message was refused.

        :param row: the message
        :param error: the refusal
        :param hung: whether the publication hung before. Then it was a pause
            itself, and says nothing about messages that were never tried.
        """
        is_known = self.suspects.knows(row)
        if not self.suspects.refused(
            row, error, isinstance(error, Unreadable)
        ):
            return
        self._error = error
        if not is_known:
            self.doubted.add(row.destination)
        if not hung:
            self._pauses = True
            self._refusals += 1
            if not is_known:
                self.refusing.add(row.destination)

    def end(self, asked_all: bool) -> None:
        """End a turn.

        :param asked_all: whether no other message is left to try
        """
        if self._error is None or self._passed:
            return
        grown = self._limit > _FEWEST
        pause = self._outage.failed(
            self._error, self._limit == self._most or (grown and asked_all)
        )
        self._limit = min(2 * self._limit, self._most)
        if self._pauses:
            self._retry_at = self._clock() + pause
