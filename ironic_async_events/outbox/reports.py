# SPDX-License-Identifier: Apache-2.0
"""Report outages and the backlog to the log and to Ironic's metrics."""

import collections
from collections.abc import Callable
from collections.abc import Sequence
import functools
from typing import Any

from oslo_log import log as logging

from ironic_async_events import redaction
from ironic_async_events.outbox.stored import Backlog

LOG = logging.getLogger(__name__)


class Outage:
    """The outage of a service that the relay needs: two lines in the log.

    :ivar lasts: whether the log knows of an outage that is not over
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self.lasts = False
        self._what = what
        self._clock = clock
        self._failures = 0
        self._since = 0.0

    def failed(self, error: BaseException, tell: bool = True) -> int:
        """Note a failure, and log the first one.

        :param tell: whether the failure is sure enough for the log
        :returns: how many failures there were in a row
        """
        if not self._failures:
            self._since = self._clock()
        self._failures += 1
        if tell and not self.lasts:
            self.lasts = True
            LOG.warning(
                'The relay of the outbox cannot reach %s; messages wait in '
                'the database until it can. %s: %s',
                self._what,
                type(error).__name__,
                redaction.line(error),
            )
        return self._failures

    def over(self, more: str = '') -> None:
        """Note a success, and log the end of an outage that was logged."""
        if self.lasts:
            LOG.warning(
                'The relay of the outbox reaches %s again after %.0f '
                'seconds%s',
                self._what,
                self._clock() - self._since,
                more,
            )
        self.lasts = False
        self._failures = 0


class Watch:
    """Reads and reports the backlog from time to time."""

    def __init__(
        self,
        read: Callable[[], Backlog],
        options: Any,
        clock: Callable[[], float],
    ) -> None:
        self._read = read
        self._options = options
        self._clock = clock
        self._due = clock()
        # How many thresholds were reached, by the line that says so.
        self._reached: collections.Counter[str] = collections.Counter()

    def look(self) -> Backlog | None:
        """Read, report and return the backlog if it is time to."""
        if self._clock() < self._due:
            return None
        backlog = self._read()
        self._due = self._clock() + self._options.outbox_watch_interval
        self._compare(
            'The outbox holds %d messages that wait to be published '
            '(threshold: %d)',
            'messages',
            backlog.count,
            self._options.outbox_backlog_thresholds,
        )
        self._compare(
            'The oldest message in the outbox has been waiting for %d '
            'seconds (threshold: %d)',
            'seconds',
            backlog.seconds,
            self._options.outbox_age_thresholds,
        )
        send_gauge('backlog', backlog.count)
        send_gauge('age', backlog.seconds)
        send_gauge('set_aside', backlog.set_aside)
        return backlog

    def _compare(
        self, text: str, unit: str, figure: float, thresholds: Sequence[int]
    ) -> None:
        """Log when a figure reaches a threshold, and when it is below all.

        In between a threshold is logged once, however often it is reached.
        """
        reached = [each for each in sorted(thresholds) if figure >= each]
        if len(reached) > self._reached[text]:
            LOG.warning(text, figure, reached[-1])
        elif reached or not self._reached[text]:
            return
        else:
            LOG.info(
                'The outbox is below its thresholds again: %d %s < %d',
                *(figure, unit, min(thresholds)),
            )
        self._reached[text] = len(reached)


@functools.cache
def _logger() -> Any:
    try:
        from ironic.common import metrics_utils
    except ImportError:  # up to 2024.2
        from ironic_lib import metrics_utils
    return metrics_utils.get_metrics_logger('async_events.outbox')


def send_gauge(name: str, value: float) -> None:
    """Send a gauge to Ironic's metrics."""
    _logger().send_gauge(name, value)
