# SPDX-License-Identifier: Apache-2.0
"""Back-off while something does not answer, and two log lines about it."""

from collections.abc import Callable

from oslo_log import log as logging
import tenacity

from ironic_async_events import redaction

LOG = logging.getLogger(__name__)

_FIRST = 0.25
_LONGEST = 10.0


class BackOff:
    """Growing, jittered pauses between attempts, of at most ten seconds."""

    def __init__(self) -> None:
        # The shortest is not 0: not even by chance is there a busy loop.
        self._wait = tenacity.wait_random_exponential(
            multiplier=_FIRST, max=_LONGEST, min=_FIRST / 4
        )
        self.reset()

    def next(self) -> float:
        """Return how long to wait now, in seconds."""
        seconds = self._wait(self._state)
        self._state.prepare_for_next_attempt()
        return seconds

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._state = tenacity.RetryCallState(
            retry_object=tenacity.Retrying(), fn=None, args=(), kwargs={}
        )


class Outage:
    """The outage of a service that the relay needs. For the relay's thread.

    :param what: the name of the service, for the log
    :param clock: tells the time, in seconds
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._backoff = BackOff()
        self._since: float | None = None
        self._told = False

    @property
    def lasts(self) -> bool:
        """Whether the log knows of an outage that is not over."""
        return self._told

    def failed(self, error: BaseException, tell: bool = True) -> float:
        """Note a failure, and log the first one.

        :param error: what was raised
        :param tell: whether the failure is sure enough for the log
        :returns: how long to wait before the next attempt, in seconds
        """
        if self._since is None:
            self._since = self._clock()
        if tell and not self._told:
            self._told = True
            LOG.warning(
                'The relay of the outbox cannot reach %(what)s; messages '
                'wait in the database until it can. %(kind)s: %(error)s',
                {
                    'what': self._what,
                    'kind': type(error).__name__,
                    'error': redaction.line(error),
                },
            )
        return self._backoff.next()

    def over(self, waiting: Callable[[], int] | None = None) -> None:
        """Note a success, and log the end of an outage that was logged.

        :param waiting: counts the messages that wait; called only if there
            was an outage
        :raises Exception: what ``waiting`` raises; then nothing is noted
        """
        if self._since is None:
            return
        if self._told:
            count = '' if waiting is None else f'; {waiting()} messages have'
            LOG.warning(
                'The relay of the outbox reaches %(what)s again after '
                '%(seconds).0f seconds%(count)s',
                {
                    'what': self._what,
                    'seconds': self._clock() - self._since,
                    'count': count and f'{count} waited',
                },
            )
        self._since = None
        self._told = False
        self._backoff.reset()
