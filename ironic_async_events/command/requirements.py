# SPDX-License-Identifier: Apache-2.0
"""What the commands use in private."""

from ironic_async_events.patching.requirement import Requirement

_WHY = 'the audit deletes its queue when it ends'

REQUIREMENTS = (
    Requirement('oslo_messaging._drivers.common', 'PURPOSE_SEND', _WHY),
    Requirement(
        'oslo_messaging.transport', 'Transport._driver', _WHY, optional=True
    ),
    Requirement(
        'oslo_messaging._drivers.amqpdriver',
        'AMQPDriverBase._get_connection',
        _WHY,
        optional=True,
    ),
)
