# SPDX-License-Identifier: Apache-2.0
"""Something does not answer: said once, and once more when it is over."""

from collections.abc import Callable

from oslo_log import log as logging

from ironic_async_events.outbox import backoff

LOG = logging.getLogger(__name__)

_FIRST = 0.25
_LONGEST = 10.0


class Outage:
    """The failures of one thing that the relay needs.

    Used by the relay's thread.

    :param what: its name, for the log
    :param clock: tells the time, in seconds
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._backoff = backoff.BackOff(_FIRST, _LONGEST)
        self._since: float | None = None
        self._told = False

    @property
    def lasts(self) -> bool:
        """Whether the log was told of it, and it is not over."""
        return self._told

    def failed(self, error: BaseException, tell: bool = True) -> float:
        """Note a failure, and tell the log of the first one.

        :param error: what was raised
        :param tell: whether it is sure enough for the log
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
                    'error': error,
                },
            )
        return self._backoff.next()

    def over(self, waiting: Callable[[], int] | None = None) -> None:
        """Note a success, and tell the log if it was told of the outage.

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
