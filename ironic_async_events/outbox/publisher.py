# SPDX-License-Identifier: Apache-2.0
"""From the outbox to the bus, as oslo.messaging's own driver does it."""

import contextlib
from typing import Any

import oslo_messaging

from ironic_async_events.outbox import message

# What a pool of connections has that can be emptied.
_POOL = ('_cond', '_current_size', 'iter_free')


def is_unreadable(error: BaseException) -> bool:
    """Tell whether an error is the message's for sure.

    Whatever the transport raises, of whatever type, is not.

    :param error: what :meth:`Publisher.publish` raised
    """
    return isinstance(error, message.Unreadable)


class Publisher:
    """Publishes one message after the other. Used by the lanes' threads.

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
        except message.Unreadable:
            raise
        except Exception:
            self._close_connections()
            raise

    def _publish(self, body: str) -> None:
        # Each time anew, for the driver writes into what it is given.
        for place in range(len(message.Message.decode(body).topics)):
            found = message.Message.decode(body)
            self._transport._send_notification(
                oslo_messaging.Target(
                    topic=f'{found.topics[place]}.{found.priority.lower()}'
                ),
                found.context,
                found.body,
                version=2.0,
                retry=0,
            )

    def _close_connections(self) -> None:
        """Close the connections that nobody uses; others are made then.

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
