# SPDX-License-Identifier: Apache-2.0
"""Warn of a configuration that breaks a promise of the outbox."""

import logging
from typing import Any
from typing import NamedTuple

from oslo_config import cfg
import oslo_messaging
import sqlalchemy as sa

GROUP = 'oslo_messaging_notifications'

#: Whether a driver of oslo.messaging waits until the bus has a message, by
#: the scheme of the transport URL.
CONFIRMS = {
    'rabbit': True,  # waits for RabbitMQ to confirm
    'kombu': True,  # the same driver by its old name
    'amqp': True,  # AMQP 1.0, waits for the peer; up to oslo.messaging 14
    'kafka': False,  # returns when the message is in a queue of its process
    'fake': False,  # has no bus but a queue of its process
}


class Concern(NamedTuple):
    """A promise that is broken, or may be broken, and what to do."""

    level: int
    text: str


def beside(conf: cfg.ConfigOpts) -> Concern | None:
    """Reject drivers that publish beside the outbox.

    All drivers are called within the transaction of the node. A driver that
    publishes announces the state before its commit, with another id, and
    locks the row of the node while the bus is slow.
    """
    drivers: list[str] = conf[GROUP].driver
    names = [x for x in drivers if x in ('messaging', 'messagingv2')]
    if names:
        lines = ' and '.join(f'driver = {name}' for name in names)
        return Concern(
            logging.ERROR,
            f'{" and ".join(names)} beside async_events_outbox publishes '
            'each notification a second time, before the state is committed, '
            'and a slow bus locks the node in the database. Remove from the '
            f'configuration: [{GROUP}] {lines}',
        )
    # It calls other drivers, which are listed in a separate file.
    if 'routing' in drivers:
        return Concern(
            logging.WARNING,
            'routing beside async_events_outbox must not publish to a bus: '
            'its drivers are called before the state is committed, and a slow '
            'one locks the node in the database. Check the file that '
            f'[{GROUP}] routing_config names',
        )
    return None


def transport(conf: cfg.ConfigOpts) -> Concern | None:
    """Warn of a bus that does not confirm messages.

    :raises InvalidTransportURL: when the URL cannot be read
    :raises ValueError: likewise
    """
    url: Any = oslo_messaging.TransportURL.parse(
        conf, conf[GROUP].transport_url
    )
    # As oslo.messaging selects the driver.
    scheme = url.transport.split('+')[0]
    confirms = CONFIRMS.get(scheme)
    if confirms:
        return None
    what = (
        f'The driver of {scheme}:// does not confirm messages'
        if confirms is False
        else f'It is not known whether the driver of {scheme}:// confirms '
        'messages'
    )
    return Concern(
        logging.WARNING,
        f'{what}: the outbox deletes a message when the driver returns, and '
        'the message is lost when the bus does not have it by then. To lose '
        f'none, set [{GROUP}] transport_url to a rabbit:// URL',
    )


def galera(conf: cfg.ConfigOpts, engine: sa.Engine) -> Concern | None:
    """Warn of a Galera cluster whose reads do not wait."""
    # Older releases of oslo.db lack the option.
    value = getattr(conf.database, 'mysql_wsrep_sync_wait', None)
    # The bit that makes reads wait.
    waits = (value or 0) & 1
    if waits or engine.dialect.name not in ('mysql', 'mariadb'):
        return None
    with engine.connect() as connection:
        row = connection.exec_driver_sql(
            "SHOW VARIABLES LIKE 'wsrep_on'"
        ).first()
    if row is None or row[1] != 'ON':
        return None
    return Concern(
        logging.WARNING,
        'The database is a Galera cluster, and reads do not wait for what '
        'other servers have committed: after a change of the server a node '
        'may be not found, or its lock be seen as it was before. Add to the '
        'configuration: [database] mysql_wsrep_sync_wait = 1',
    )


def concerns(conf: cfg.ConfigOpts, engine: sa.Engine) -> list[Concern]:
    """Return all concerns of a service that has made its transport."""
    every = (beside(conf), transport(conf), galera(conf, engine))
    return [concern for concern in every if concern]
