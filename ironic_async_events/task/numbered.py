# SPDX-License-Identifier: Apache-2.0
"""Number the transitions of a node, and announce the numbers.

The number is in the node's ``driver_internal_info`` and saved with the state.
So the numbers have no gaps, cost no additional write, and survive restarts
and take-overs.

Imported only where numbers are sent: importing this module registers its
classes with Ironic's registry of objects.
"""

import dataclasses
from typing import Any
import uuid

from ironic.common import states
from ironic.conf import CONF
from ironic.objects import base
from ironic.objects import fields
from ironic.objects import notification
from oslo_log import log as logging
from oslo_versionedobjects import fields as object_fields

LOG = logging.getLogger(__name__)

# Where the mark of the last transition is kept.
KEY = 'async_events_sequence'

# The states in which an operation is under way; in a hold it waits for its
# user.
_WORKING = frozenset(states.UNSTABLE_STATES).union(
    (states.CLEANHOLD, states.DEPLOYHOLD, states.SERVICEHOLD)
)


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """The number of a transition, and the operation that it belongs to.

    :param sequence: 1, 2, 3 ... for each node
    :param operation_id: the same from the start of an operation to its end
        or error, over waits, heartbeats and conductors
    :param started_at: when the operation began, in seconds since the epoch
    :param open: whether the operation goes on after this transition
    """

    sequence: int
    operation_id: str
    started_at: float
    open: bool


def read(driver_internal_info: dict[str, Any] | None) -> Mark | None:
    """Return the mark of a node's last transition, if there is a valid one."""
    try:
        mark = Mark(**(driver_internal_info or {})[KEY])
    except (KeyError, TypeError):
        return None
    numbers = {type(mark.sequence), type(mark.started_at)}
    return mark if numbers <= {int, float} else None


def following(
    driver_internal_info: dict[str, Any] | None, transition: Any, now: float
) -> tuple[Mark, dict[str, Any]]:
    """Return the mark of a transition, and the info in which it is kept.

    :param driver_internal_info: the node's, before the transition
    :param transition: :class:`ironic_async_events.task.change.Transition`
    :param now: in seconds since the epoch
    """
    last = read(driver_internal_info)
    goes_on = transition.state in _WORKING
    number = last.sequence + 1 if last else 1
    if last and last.open:
        mark = dataclasses.replace(last, sequence=number, open=goes_on)
    else:
        mark = Mark(number, str(uuid.uuid4()), now, goes_on)
    info = {**(driver_internal_info or {}), KEY: dataclasses.asdict(mark)}
    return mark, info


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


def emit(task: Any, transition: Any, mark: Mark, now: float) -> None:
    """Send the numbered notification of a transition; never raise."""
    try:
        NodeProvisionEventNotification(
            publisher=notification.NotificationPublisher(
                service='ironic-conductor', host=CONF.host
            ),
            event_type=notification.EventType(
                object='node',
                action='provision_event',
                status=transition.status,
            ),
            level=transition.level,
            payload=NodeProvisionEventPayload(
                uuid=task.node.uuid,
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
        ).emit(task.context)
    except Exception:
        LOG.exception(
            'Could not send the provision_event notification of node %s',
            task.node.uuid,
        )
