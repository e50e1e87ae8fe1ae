# SPDX-License-Identifier: Apache-2.0
"""The relay's own lines are enough; the drivers' would be hundreds."""

from collections.abc import Iterator
import contextlib
import logging

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
    """Drops what some threads log, but for debugging.

    :param threads: how their names begin
    """

    def __init__(self, threads: str) -> None:
        super().__init__()
        self._threads = threads

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno <= logging.DEBUG or (
            not str(record.threadName).startswith(self._threads)
        )


@contextlib.contextmanager
def drivers(threads: str) -> Iterator[None]:
    """Silence the drivers of oslo.messaging in some threads.

    :param threads: how the names of the threads begin
    """
    quiet = _NotFrom(threads)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(quiet)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(quiet)
