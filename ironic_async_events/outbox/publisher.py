# SPDX-License-Identifier: Apache-2.0
"""Publish a message as oslo.messaging's own driver does, and raise errors."""

from collections.abc import Iterator
import contextlib
import logging
from typing import Any

import oslo_messaging

from ironic_async_events.outbox.message import Message

# The attributes of a pool of connections that can be emptied.
_POOL = ('_cond', '_current_size', 'iter_free')

# Each of these loggers writes two or three lines about each attempt.
_LOGGERS = (
    'oslo_messaging._drivers.amqp',
    'oslo_messaging._drivers.amqpdriver',
    'oslo_messaging._drivers.common',
    'oslo_messaging._drivers.impl_rabbit',
    'oslo_messaging._drivers.pool',
    # Some of the loggers of oslo.messaging have names of their own.
    'oslo.messaging._drivers.impl_rabbit',
)


def publish(transport: Any, body: str) -> None:
    """Publish an encoded message, and wait until the bus has confirmed it.

    Called by several threads. Uses the topics and format of ``messagingv2``.

    :raises Unreadable: when the message cannot be decoded
    """
    message = Message.decode(body)
    for place, topic in enumerate(message.topics):
        if place:
            # Decoded for each topic: the driver changes its arguments.
            message = Message.decode(body)
        try:
            transport._send_notification(
                oslo_messaging.Target(
                    topic=f'{topic}.{message.priority.lower()}'
                ),
                message.context,
                message.body,
                version=2.0,
                retry=0,
            )
        except Exception:
            _close_connections(transport)
            raise


def _close_connections(transport: Any) -> None:
    """Close the idle connections; the next publication opens another.

    oslo.messaging gives a connection back to its pool whatever became of it.
    After RabbitMQ has refused two messages, its channel is closed, and without
    retries of its own oslo.messaging never opens another: every later
    publication fails.
    """
    driver = getattr(transport, '_driver', None)
    pool: Any = getattr(driver, '_connection_pool', None)
    if not all(hasattr(pool, name) for name in _POOL):
        # This bus or this oslo.messaging has another kind of pool.
        return
    # pool.empty() would not notify threads that wait for a connection.
    with pool._cond:
        free = list(pool.iter_free())
        pool._current_size -= len(free)
        pool._cond.notify_all()
    for connection in free:
        with contextlib.suppress(Exception):
            connection.close()


@contextlib.contextmanager
def quiet(threads: str) -> Iterator[None]:
    """Silence oslo.messaging's drivers in threads whose names begin like this.

    The relay itself logs one line when the bus is away.
    """

    def is_heard(record: logging.LogRecord) -> bool:
        return record.levelno <= logging.DEBUG or not str(
            record.threadName
        ).startswith(threads)

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(is_heard)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_heard)
