# SPDX-License-Identifier: Apache-2.0
"""Report backlog and age to the log and to Ironic's metrics."""

from collections.abc import Callable
from collections.abc import Sequence
import functools
from typing import Any

from oslo_log import log as logging

from ironic_async_events.outbox import stored

LOG = logging.getLogger(__name__)


class Threshold:
    """Logs when a figure reaches a threshold, and when it is low again.

    :param text: the line, with ``%(figure)d`` and ``%(threshold)d``
    :param thresholds: figures, in any order
    """

    def __init__(self, text: str, thresholds: Sequence[int]) -> None:
        self._text = text
        self._thresholds = sorted(thresholds)
        self._passed = 0

    def look(self, figure: float) -> None:
        """Log if the figure has reached a threshold since the last call.

        :param figure: the current value
        """
        passed = sum(figure >= threshold for threshold in self._thresholds)
        if passed > self._passed:
            LOG.warning(
                self._text,
                {
                    'figure': figure,
                    'threshold': self._thresholds[passed - 1],
                },
            )
            self._passed = passed
        elif not passed and self._passed:
            LOG.info(
                'The outbox is below its thresholds again: %(figure)d < '
                '%(threshold)d',
                {'figure': figure, 'threshold': self._thresholds[0]},
            )
            self._passed = 0


class Watch:
    """Reads the backlog from time to time. Used by the relay's thread.

    :param read: reads the backlog
    :param seconds: between two looks
    :param counts: thresholds for the number of messages
    :param ages: thresholds for the age of the oldest message, in seconds
    :param send: takes the name and the value of a gauge
    :param clock: tells the time, in seconds
    """

    def __init__(
        self,
        read: Callable[[], stored.Backlog],
        seconds: float,
        counts: Sequence[int],
        ages: Sequence[int],
        send: Callable[[str, float], None],
        clock: Callable[[], float],
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._count = Threshold(
            'The outbox holds %(figure)d messages that wait to be published '
            '(threshold: %(threshold)d)',
            counts,
        )
        self._age = Threshold(
            'The oldest message in the outbox has been waiting for '
            '%(figure)d seconds (threshold: %(threshold)d)',
            ages,
        )
        self._send = send
        self._clock = clock
        self._due = clock()

    def look(self) -> stored.Backlog | None:
        """Read and report the backlog if it is time to.

        :returns: the backlog, if it was read
        :raises Exception: the error of the database
        """
        if self._clock() < self._due:
            return None
        backlog = self._read()
        self._due = self._clock() + self._seconds
        self._count.look(backlog.count)
        self._age.look(backlog.seconds)
        self._send('backlog', backlog.count)
        self._send('age', backlog.seconds)
        self._send('set_aside', backlog.set_aside)
        return backlog


@functools.cache
def _logger() -> Any:
    try:
        from ironic.common import metrics_utils
    except ImportError:  # up to 2024.2
        from ironic_lib import metrics_utils
    return metrics_utils.get_metrics_logger('async_events.outbox')


def send_gauge(name: str, value: float) -> None:
    """Send a gauge to Ironic's metrics.

    :param name: the name of the gauge
    :param value: the value of the gauge
    """
    _logger().send_gauge(name, value)
