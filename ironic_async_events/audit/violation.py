# SPDX-License-Identifier: Apache-2.0
"""The kinds of violations, each with a name and a meaning."""

import enum
from typing import NamedTuple

from ironic_async_events.audit import observation as obs


class Kind(enum.Enum):
    """The kind of a violation; the value is its name in all output."""

    LOST = 'lost'
    OUT_OF_ORDER = 'out of order'
    DUPLICATE = 'duplicate'
    ILLEGAL = 'illegal'
    UNFINISHED = 'unfinished'


#: One sentence that defines each kind.
MEANINGS = {
    Kind.LOST: 'a previous state was never announced',
    Kind.OUT_OF_ORDER: 'a notification arrived at another place than the '
    'one where its states belong',
    Kind.DUPLICATE: 'a notification with the same message id (or the same '
    'sequence number) was received before',
    Kind.ILLEGAL: 'the state is not what the machine makes of the event in '
    'the previous state',
    Kind.UNFINISHED: 'an operation started, and neither end nor error came '
    'in time',
}


class Violation(NamedTuple):
    """A violation.

    :param observation: the notification with the violation: the displaced,
        repeated or illegal notification, the first notification after a loss,
        or the notification that started the operation.
    :param missing: how many notifications are missing: the exact number with
        sequence numbers, else the fewest that the machine allows; None if
        unknown; 0 for a violation that is not a loss.
    :param fills: True if this late notification was reported as lost before,
        which removes one loss.
    """

    kind: Kind
    observation: obs.Observation
    detail: str
    missing: int | None = 0
    fills: bool = False

    @property
    def node(self) -> str:
        """The UUID of the node."""
        return self.observation.node
