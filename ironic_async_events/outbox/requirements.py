# SPDX-License-Identifier: Apache-2.0
"""What the outbox replaces and uses in private."""

from ironic_async_events.patching.requirement import INIT_HOST
from ironic_async_events.patching.requirement import Requirement
from ironic_async_events.patching.requirement import in_manager
from ironic_async_events.patching.requirement import in_task_manager

REQUIREMENTS = (
    in_task_manager(
        'TaskManager',
        'a state and its notification are saved in one transaction',
        'outbox.transaction:with_delivery',
    ),
    in_manager(
        INIT_HOST,
        'the relay of the outbox starts with the conductor',
        'outbox.service:started',
    ),
    in_manager(
        'ConductorManager.del_host(self, deregister, clear_node_reservations)',
        'the relay of the outbox ends with the conductor',
        'outbox.service:stopped',
    ),
    Requirement(
        'oslo_messaging.transport',
        'Transport._send_notification; Transport._driver',
        'the driver raises when a message is not confirmed',
    ),
    Requirement(
        'oslo_messaging._drivers.amqpdriver',
        'AMQPDriverBase._connection_pool',
        'connections are closed in the pool of its driver',
        optional=True,
    ),
    Requirement(
        'oslo_messaging._drivers.pool',
        'Pool._cond; Pool._current_size; Pool.iter_free',
        'idle connections are closed after an error',
        optional=True,
    ),
)
