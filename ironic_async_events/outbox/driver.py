# SPDX-License-Identifier: Apache-2.0
"""The driver ``async_events_outbox``: stores every notification."""

from typing import Any

from oslo_config import cfg
from oslo_messaging.notify import notifier

from ironic_async_events import patching
from ironic_async_events import plugin
from ironic_async_events import redaction
from ironic_async_events.outbox import requirements
from ironic_async_events.outbox import service
from ironic_async_events.outbox import store
from ironic_async_events.outbox import transaction
from ironic_async_events.outbox.message import Message
from ironic_async_events.task import database


class OutboxDriver(notifier.Driver):  # type: ignore[misc]
    """Stores every notification for the relay to publish.

    Ironic makes one driver for each of its notifiers, which differ in topics.

    :raises RefusedToStart: in an API whose database lacks the tables
    """

    def __init__(
        self, conf: cfg.ConfigOpts, topics: Any, transport: Any
    ) -> None:
        super().__init__(conf, topics, transport)
        # First: a conductor that is imported already is patched at once.
        service.use(transport)
        plugin.install(conf)
        patching.register('outbox', requirements.REQUIREMENTS)
        service.check_api(conf)

    def notify(
        self, ctxt: Any, message: Any, priority: Any, retry: Any
    ) -> None:
        """Store a notification. Called by the thread that sends it.

        :raises Exception: why it is not stored; oslo.messaging logs the error
        """
        notification = Message(tuple(self.topics), ctxt, message, priority)
        try:
            # Within a transition it is the transaction that is retried.
            database.retried(store.put)(notification, service.wake)
        except Exception as e:
            errors = transaction.errors()
            if errors is not None:
                errors.append(e)
                if database.failed(e):
                    # The transaction is tried again, or its end is reported.
                    return
            # Without its cause: oslo.messaging would log the cause as well.
            raise redaction.redacted(e) from None
