# SPDX-License-Identifier: Apache-2.0
"""Publish one message as oslo.messaging's own driver does, and raise."""

from collections.abc import Iterator
import contextlib
import logging
from typing import Any

import oslo_messaging

from ironic_async_events.outbox.message import Message
from ironic_async_events.outbox.message import Unreadable

# What a pool of connections must have to be emptied.
_POOL = ('_cond', '_current_size', 'iter_free')

# Each of them logs each attempt, with two or three lines.
_LOGGERS = (
    'oslo_messaging._drivers.amqp',
    'oslo_messaging._drivers.amqpdriver',
    'oslo_messaging._drivers.common',
    'oslo_messaging._drivers.impl_rabbit',
    'oslo_messaging._drivers.pool',
    # Some of the loggers of oslo.messaging have names of their own.
    'oslo.messaging._drivers.impl_rabbit',
)


class Publisher:
    """Publishes one message after the other. Used by the threads of the lanes.

    :param transport: the notification transport of the service
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def publish(self, body: str) -> None:
        """Publish a message, and wait until the bus has confirmed it.

        The same topics and the same format as ``messagingv2``, but a failure
        is raised, and nothing is tried again here.

        :param body: the message, encoded
        :raises Unreadable: when it cannot be decoded
        :raises Exception: when the bus does not take it
        """
        try:
            self._publish(body)
        except Unreadable:
            raise
        except Exception:
            self._close_connections()
            raise

    def _publish(self, body: str) -> None:
        # Each time anew, for the driver writes into what it is given.
        for place in range(len(Message.decode(body).topics)):
            message = Message.decode(body)
            self._transport._send_notification(
                oslo_messaging.Target(
                    topic=f'{message.topics[place]}.{message.priority.lower()}'
                ),
                message.context,
                message.body,
                version=2.0,
                retry=0,
            )

    def _close_connections(self) -> None:
        """Close the idle connections; the next publication opens another.

        oslo.messaging gives a connection back to its pool whatever became of
        it. After RabbitMQ has refused two messages, its channel is closed, and
        without retries of its own oslo.messaging never opens another: every
        later publication fails.
        """
        driver = getattr(self._transport, '_driver', None)
        pool: Any = getattr(driver, '_connection_pool', None)
        if not all(hasattr(pool, name) for name in _POOL):
            # A bus without such a pool, or an oslo.messaging with another.
            return
        # pool.empty() would not say that there is room for others.
        with pool._cond:
            free = list(pool.iter_free())
            pool._current_size -= len(free)
            pool._cond.notify_all()
        for connection in free:
            with contextlib.suppress(Exception):
                connection.close()


class _NotFrom(logging.Filter):
    """Drops what some threads log above DEBUG.

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
def quiet(threads: str) -> Iterator[None]:
    """Silence oslo.messaging's drivers in some threads.

    The relay says itself that the bus is away, in one line.

    :param threads: how the names of the threads begin
    """
    not_from = _NotFrom(threads)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(not_from)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(not_from)
