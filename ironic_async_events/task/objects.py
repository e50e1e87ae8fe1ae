# SPDX-License-Identifier: Apache-2.0
"""The plugin's own versioned notification.

Imported only where it is sent: importing it registers its classes with
Ironic's registry of objects.
"""

from typing import Any

from ironic.conf import CONF
from ironic.objects import base
from ironic.objects import fields
from ironic.objects import notification
from oslo_log import log as logging
from oslo_versionedobjects import fields as object_fields

from ironic_async_events.task import sequence
from ironic_async_events.task import transition as tr

LOG = logging.getLogger(__name__)


@base.IronicObjectRegistry.register
class NodeProvisionEventPayload(notification.NotificationPayloadBase):
    """One transition of a node, with its number and its operation.

    It has no field that could hold a secret.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'uuid': fields.UUIDField(),
        'event': fields.StringField(),
        'previous_provision_state': fields.StringField(nullable=True),
        'previous_target_provision_state': fields.StringField(nullable=True),
        'provision_state': fields.StringField(),
        'target_provision_state': fields.StringField(nullable=True),
        'sequence': fields.IntegerField(),
        'operation_id': fields.UUIDField(),
        'operation_seconds': object_fields.FloatField(),
        'conductor': fields.StringField(),
    }


@base.IronicObjectRegistry.register
class NodeProvisionEventNotification(notification.NotificationBase):
    """Sent after each ``provision_set``, with ``sequence_notifications``."""

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {'payload': fields.ObjectField('NodeProvisionEventPayload')}


def emit_provision_event(
    context: Any,
    node_uuid: str,
    transition: tr.Transition,
    status: str,
    mark: sequence.Mark,
    now: float,
) -> None:
    """Send the numbered notification of a transition.

    Called by the worker. Like Ironic's own helpers it never raises.

    :param context: context of the task
    :param node_uuid: UUID of the node
    :param transition: the transition
    :param status: status of the ``provision_set`` notification
    :param mark: the number and the operation of the transition
    :param now: in seconds since the epoch
    """
    try:
        NodeProvisionEventNotification(
            publisher=notification.NotificationPublisher(
                service='ironic-conductor', host=CONF.host
            ),
            event_type=notification.EventType(
                object='node', action='provision_event', status=status
            ),
            level=transition.level,
            payload=NodeProvisionEventPayload(
                uuid=node_uuid,
                event=transition.event,
                previous_provision_state=transition.previous_state,
                previous_target_provision_state=transition.previous_target,
                provision_state=transition.state,
                target_provision_state=transition.target,
                sequence=mark.sequence,
                operation_id=mark.operation_id,
                operation_seconds=max(0.0, now - mark.started_at),
                conductor=CONF.host,
            ),
        ).emit(context)
    except Exception:
        LOG.exception(
            'Could not send the provision_event notification of node %s',
            node_uuid,
        )
