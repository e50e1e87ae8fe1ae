# SPDX-License-Identifier: Apache-2.0
"""From the outbox to the bus, as oslo.messaging's own driver does it."""

from typing import Any

import oslo_messaging

from ironic_async_events.outbox import message


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
