# SPDX-License-Identifier: Apache-2.0
"""Back-off while something does not answer, and two log lines about it."""

from collections.abc import Callable
import random

from oslo_log import log as logging

from ironic_async_events import redaction

LOG = logging.getLogger(__name__)

_FIRST = 0.25
_LONGEST = 10.0


def pause(failures: int) -> float:
    """Return a random pause, which grows to at most ten seconds.

    :param failures: after how many failures in a row, from 1 on
    """
    longest = min(_LONGEST, _FIRST * 2 ** min(failures - 1, 10))
    # The shortest is not 0: not even by chance is there a busy loop.
    return random.uniform(_FIRST / 4, longest)  # noqa: S311  # no secret


class Outage:
    """The outage of a service that the relay needs. For the relay's thread.

    :param what: the name of the service, for the log
    :param clock: tells the time, in seconds
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._failures = 0
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
        self._failures += 1
        return pause(self._failures)

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
        self._failures = 0
