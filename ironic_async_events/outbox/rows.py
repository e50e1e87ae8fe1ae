# SPDX-License-Identifier: Apache-2.0
"""The table of what the outbox needs from Ironic and its libraries."""

from ironic_async_events.outbox import service
from ironic_async_events.patching.row import MANAGER
from ironic_async_events.patching.row import Need
from ironic_async_events.patching.row import Row
from ironic_async_events.patching.row import Target

ROWS: tuple[Row, ...] = (
    Target(
        MANAGER,
        'ConductorManager.init_host',
        ('self', 'admin_context', 'start_consoles', 'start_allocations'),
        'the relay of the outbox starts with the conductor',
        wrap=service.started,
    ),
    Target(
        MANAGER,
        'ConductorManager.del_host',
        ('self', 'deregister', 'clear_node_reservations'),
        'the relay of the outbox ends with the conductor',
        wrap=service.stopped,
    ),
    Need(
        'ironic.db.sqlalchemy.api',
        ('_session_for_read',),
        'stored messages are read over the sessions of Ironic',
    ),
    Need(
        'oslo_db.sqlalchemy.enginefacade',
        ('writer.get_engine',),
        'the outbox is in the database of Ironic',
    ),
    Need(
        'ironic.common.metrics_utils',
        ('get_metrics_logger',),
        'backlog and age are gauges; since Ironic 32',
        optional=True,
    ),
    Need(
        'ironic_lib.metrics_utils',
        ('get_metrics_logger',),
        'backlog and age are gauges; before Ironic 32',
        optional=True,
    ),
    Need(
        'oslo_messaging',
        (
            'Target',
            'TransportURL.parse',
            'notify.notifier.Driver.notify',
            'transport.Transport._send_notification',
        ),
        'messages come from the notifier; the transport raises its errors',
    ),
    Need(
        'oslo_messaging',
        (
            'transport.Transport._driver',
            '_drivers.amqpdriver.AMQPDriverBase._connection_pool',
            '_drivers.pool.Pool._cond',
            '_drivers.pool.Pool._current_size',
            '_drivers.pool.Pool.iter_free',
        ),
        'idle connections are closed after an error',
        optional=True,
    ),
)
