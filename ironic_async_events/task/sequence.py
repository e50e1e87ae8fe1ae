# SPDX-License-Identifier: Apache-2.0
"""Number the transitions of a node, and give its operations an id.

The number is in the node's ``driver_internal_info`` and saved with the state.
So the numbers have no gaps, cost no additional write, and survive restarts
and take-overs.
"""

from collections.abc import Collection
import dataclasses
from typing import Any
import uuid

from ironic_async_events.task import transition as tr

# Where the mark of the last transition is kept.
KEY = 'async_events_sequence'


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

    def as_dict(self) -> dict[str, Any]:
        """Return what is kept in ``driver_internal_info``."""
        return dataclasses.asdict(self)


def read(driver_internal_info: dict[str, Any] | None) -> Mark | None:
    """Read the mark of a node's last transition.

    :param driver_internal_info: the node's
    :returns: the mark; None if there is none, or none that can be read
    """
    try:
        return Mark(**(driver_internal_info or {})[KEY])
    except (KeyError, TypeError):
        return None


def following(
    last: Mark | None,
    transition: tr.Transition,
    working_states: Collection[str],
    now: float,
) -> Mark:
    """Return the mark of a transition.

    :param last: the mark of the node's transition before it, if known
    :param transition: the transition
    :param working_states: the states in which an operation is under way
    :param now: in seconds since the epoch
    :returns: the next mark
    """
    goes_on = transition.state in working_states
    number = last.sequence + 1 if last else 1
    if last and last.open:
        return dataclasses.replace(last, sequence=number, open=goes_on)
    return Mark(number, str(uuid.uuid4()), now, goes_on)
