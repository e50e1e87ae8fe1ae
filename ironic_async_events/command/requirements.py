# SPDX-License-Identifier: Apache-2.0
"""What the commands use in private."""

from ironic_async_events.patching.requirement import Requirement

REQUIREMENTS = (
    Requirement(
        'oslo_messaging._drivers.common',
        'PURPOSE_SEND',
        'the audit deletes its queue when it ends',
    ),
    Requirement(
        'oslo_messaging.transport',
        'Transport._driver',
        'the audit deletes its queue when it ends',
        optional=True,
    ),
    Requirement(
        'oslo_messaging._drivers.amqpdriver',
        'AMQPDriverBase._get_connection',
        'the audit deletes its queue when it ends',
        optional=True,
    ),
    Requirement(
        'oslo_messaging._drivers.base',
        'BaseDriver._url',
        'the audit names the bus that it listens to',
        optional=True,
    ),
)
