# SPDX-License-Identifier: Apache-2.0
"""A database with the tables of the outbox, and clocks that stand still."""

import logging
import types
from typing import Any

import fixtures
from ironic.common import rpc
from ironic.conf import CONF
from ironic.tests.unit.db import base as db_base
from oslo_db.sqlalchemy import enginefacade
import oslo_messaging
from oslo_messaging.notify import notifier
import sqlalchemy as sa

from ironic_async_events.outbox import message
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import service
from ironic_async_events.task import delivery


class Clock:
    """Tells the time that the test says."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def options(**more: Any) -> types.SimpleNamespace:
    """Return the options of a relay.

    :param more: those that differ, without ``outbox_``
    """
    found = {
        'lease': 10.0,
        'poll_interval': 0.05,
        'batch': 5,
        'lanes': 4,
        'set_aside_after': 20.0,
        'watch_interval': 60.0,
        'backlog_thresholds': [],
        'age_thresholds': [],
        **more,
    }
    return types.SimpleNamespace(
        **{f'outbox_{name}': value for name, value in found.items()}
    )


class Log(fixtures.Fixture):
    """What the plugin logs from INFO on."""

    def _setUp(self) -> None:
        self._logger = self.useFixture(fixtures.FakeLogger(level='INFO'))
        for name, logger in logging.root.manager.loggerDict.items():
            # Ironic's migrations disable every logger that is there.
            if name.startswith('ironic_async_events') and isinstance(
                logger, logging.Logger
            ):
                logger.disabled = False

    def lines(self, text: str = '') -> list[str]:
        """Return the lines in which a text is found."""
        return [x for x in self._logger.output.splitlines() if text in x]


class Notifier(fixtures.Fixture):
    """Notifications are stored by the driver that an operator configures."""

    def _setUp(self) -> None:
        self.addCleanup(delivery.use, delivery.current())
        self.addCleanup(setattr, service, '_transport', None)
        group = 'oslo_messaging_notifications'
        transport = oslo_messaging.get_notification_transport(
            CONF, url='fake:/'
        )
        CONF.set_override('driver', ['async_events_outbox'], group=group)
        self.addCleanup(CONF.clear_override, 'driver', group=group)
        # As Ironic makes it.
        sender = notifier.Notifier(
            transport,
            serializer=rpc.RequestContextSerializer(
                oslo_messaging.JsonPayloadSerializer()
            ),
            topics=['ironic_versioned_notifications'],
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{rpc.__name__}.get_versioned_notifier',
                lambda publisher: sender.prepare(publisher_id=publisher),
            )
        )


class OutboxTestCase(db_base.DbTestCase):
    """Tests with Ironic's tables and those of the outbox."""

    def setUp(self) -> None:
        super().setUp()
        self.engine = enginefacade.writer.get_engine()
        with self.engine.begin() as connection:
            for one in (schema.OUTBOX, schema.RELAY):
                one.create(connection)
                self.addCleanup(one.drop, self.engine, checkfirst=True)
            connection.execute(
                schema.RELAY.insert().values(
                    id=1, holder='', term=0, expires_at=0
                )
            )

    def rows(self) -> list[Any]:
        """Read the whole outbox, in the order of storing."""
        with self.engine.connect() as connection:
            return list(
                connection.execute(
                    sa.select(schema.OUTBOX).order_by(schema.OUTBOX.c.id)
                )
            )


def make_message(id: str, node: str = 'node', **more: Any) -> message.Message:
    """Make a message about a node.

    :param id: its id
    :param node: the node
    :param more: fields of the payload
    """
    return message.Message(
        topics=('topic',),
        context={'user': 'somebody'},
        body={
            'message_id': id,
            'event_type': 'baremetal.node.provision_set.end',
            'payload': {'ironic_object.data': {'uuid': node, **more}},
        },
        priority='INFO',
    )
