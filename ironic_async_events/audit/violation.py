# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the notifications of a node, and its names."""

import enum
from typing import NamedTuple

from ironic_async_events import guarantees
from ironic_async_events.audit import observation as obs


class Kind(enum.Enum):
    """The names of what can be wrong, each with what it means.

    A member's value is its name for people and programs.
    """

    LOST = 'lost'
    OUT_OF_ORDER = 'out of order'
    DUPLICATE = 'duplicate'
    ILLEGAL = 'illegal'
    UNFINISHED = 'unfinished'

    @property
    def meaning(self) -> str:
        """One sentence that says when a violation has this name."""
        return _MEANINGS[self]

    @property
    def guarantee(self) -> guarantees.Guarantee | None:
        """The guarantee that is broken; None where none may be.

        An operation may be unfinished because it still runs.
        """
        return _BROKEN.get(self)


_MEANINGS = {
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

_BROKEN = {
    Kind.LOST: guarantees.I1,
    Kind.OUT_OF_ORDER: guarantees.I2,
    Kind.DUPLICATE: guarantees.I1,
    Kind.ILLEGAL: guarantees.I1,
}


class Violation(NamedTuple):
    """One thing that is wrong.

    :param kind: its name.
    :param node: the UUID of the node.
    :param observation: the notification at which it shows: the first one
        after a loss, the displaced one, the repeated one, the illegal one,
        the one that started the operation.
    :param detail: one line for people.
    :param missing: how many notifications are missing: exactly with sequence
        numbers, else the fewest that the machine allows; None if it cannot
        be said; 0 for what is not a loss.
    :param fills: True if this late notification is one that was reported as
        lost before, so that one loss less remains.
    """

    kind: Kind
    node: str
    observation: obs.Observation
    detail: str
    missing: int | None = 0
    fills: bool = False
