# SPDX-License-Identifier: Apache-2.0
"""The relay's own lines are enough; the drivers' would be hundreds."""

from collections.abc import Iterator
import contextlib
import logging
import threading

# They log each attempt on their own, with two or three lines.
_LOGGERS = (
    'oslo_messaging._drivers.amqp',
    'oslo_messaging._drivers.amqpdriver',
    'oslo_messaging._drivers.common',
    'oslo_messaging._drivers.impl_rabbit',
    'oslo_messaging._drivers.pool',
    # Some of the loggers of oslo.messaging have names of their own.
    'oslo.messaging._drivers.impl_rabbit',
)


class _NotFrom(logging.Filter):
    """Drops what one thread logs, but for debugging.

    :param thread: the identity of the thread
    """

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno <= logging.DEBUG or (
            record.thread != self._thread
        )


@contextlib.contextmanager
def drivers() -> Iterator[None]:
    """Silence the drivers of oslo.messaging in this thread."""
    quiet = _NotFrom(threading.get_ident())
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(quiet)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(quiet)
