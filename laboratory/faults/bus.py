# SPDX-License-Identifier: Apache-2.0
"""What the bus has been told: by the notifier, or through the outbox."""

from collections.abc import Iterator
from typing import Any

import fixtures
from ironic.common import rpc
from ironic.conf import CONF
import oslo_messaging
from oslo_messaging.notify import notifier
import sqlalchemy as sa

from ironic_async_events.outbox import message
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import service
from ironic_async_events.task import delivery
from ironic_async_events.tests.unit.spawn_failures import base
from laboratory.faults import observed

Told = tuple[str, str, str]
"""Previous state, event and state of a notification."""


class Published:
    """Notifications that were published when the worker sent them.

    :param recorder: takes the place of the notifier
    """

    def __init__(self, recorder: base.Notifier) -> None:
        self._recorder = recorder

    def begin(self) -> None:
        """Forget everything."""
        self._recorder.sent.clear()

    def told(self, uuid: str) -> list[Told]:
        """Return the transitions of a node, in their order on the bus."""
        return list(_transitions(self._recorder.sent, uuid))


class Stored(fixtures.Fixture):
    """Notifications in the outbox; the relay publishes them in this order.

    They are stored by the driver that an operator configures.

    :param observer: reads the outbox
    :param engine: Ironic's, which makes the tables
    """

    def __init__(self, observer: observed.Observer, engine: Any) -> None:
        super().__init__()
        self._observer = observer
        self._engine = engine

    def _setUp(self) -> None:
        with self._engine.begin() as connection:
            for made in (schema.OUTBOX, schema.RELAY):
                made.create(connection)
            connection.execute(
                sa.insert(schema.RELAY).values(
                    id=1, holder='', term=0, expires_at=0
                )
            )
        self.addCleanup(delivery.use, delivery.current())
        self.addCleanup(setattr, service, '_transport', None)
        sender = self._notifier()
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{rpc.__name__}.get_versioned_notifier',
                lambda publisher: sender.prepare(publisher_id=publisher),
            )
        )

    def _notifier(self) -> notifier.Notifier:
        """Make the notifier that Ironic makes, with the driver's own name."""
        group = 'oslo_messaging_notifications'
        transport = oslo_messaging.get_notification_transport(
            CONF, url='fake:/'
        )
        CONF.set_override('driver', ['async_events_outbox'], group=group)
        self.addCleanup(CONF.clear_override, 'driver', group=group)
        return notifier.Notifier(
            transport,
            serializer=rpc.RequestContextSerializer(
                oslo_messaging.JsonPayloadSerializer()
            ),
            topics=['ironic_versioned_notifications'],
        )

    def begin(self) -> None:
        """Forget everything; the outbox is restored with the database."""

    def told(self, uuid: str) -> list[Told]:
        """Return the transitions of a node, in their order in the outbox."""
        rows = self._observer.rows(
            f'SELECT body FROM {schema.OUTBOX.name} ORDER BY id'
        )
        sent = []
        for row in rows:
            body = message.Message.decode(row['body']).body
            data = body['payload']['ironic_object.data']
            sent.append((body['event_type'], data))
        return list(_transitions(sent, uuid))


def _transitions(
    sent: list[tuple[str, dict[str, Any]]], uuid: str
) -> Iterator[Told]:
    for event_type, data in sent:
        if '.provision_set.' in event_type and data['uuid'] == uuid:
            yield (
                data['previous_provision_state'],
                data['event'],
                data['provision_state'],
            )
