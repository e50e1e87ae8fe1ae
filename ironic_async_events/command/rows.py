# SPDX-License-Identifier: Apache-2.0
"""The table of what the commands need from Ironic and its libraries."""

from ironic_async_events.patching.row import Need
from ironic_async_events.patching.row import Row

_DELETES = 'the audit deletes its queue when it ends'

ROWS: tuple[Row, ...] = (
    Need(
        'oslo_messaging',
        (
            'InvalidTransportURL',
            'MessagingException',
            'Target',
            'TransportURL.parse',
            'get_notification_listener',
            'get_notification_transport',
        ),
        'the audit listens to the bus, the upgrade check reads its URL',
    ),
    Need('oslo_messaging._drivers.common', ('PURPOSE_SEND',), _DELETES),
    Need(
        'oslo_messaging.transport',
        ('Transport._driver',),
        _DELETES,
        optional=True,
    ),
    Need(
        'oslo_messaging._drivers.amqpdriver',
        ('AMQPDriverBase._get_connection',),
        _DELETES,
        optional=True,
    ),
    Need(
        'oslo_messaging.opts',
        ('list_opts',),
        'the upgrade check reads the drivers of the notifications',
    ),
    Need(
        'ironic.db.sqlalchemy',
        (),
        'importing this module configures the database',
    ),
    Need(
        'oslo_db.exception',
        ('CantStartEngineError', 'DBError'),
        'a database error ends a command with one line',
    ),
    Need(
        'oslo_db.sqlalchemy.enginefacade',
        ('reader.get_engine', 'writer.get_engine'),
        'the tables of the outbox are in the database of Ironic',
    ),
)
