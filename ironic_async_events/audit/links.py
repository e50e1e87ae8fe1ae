# SPDX-License-Identifier: Apache-2.0
"""A notification as a link in the chain of a node's states."""

from typing import NamedTuple

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs

States = tuple[str | None, ...]
#: The possible states at the end of a chain; None if unknown.
Ends = States | None

#: The state in which nodes are created.
BIRTH = 'enroll'


class Link(NamedTuple):
    """A notification, with the states that it may connect.

    An illegal notification has a wrong event or a wrong state. So it has
    several possible states.

    :param before: possible states before the notification.
    :param after: possible states after it, if its previous state is right.
    :param other: possible states after it, if its previous state is wrong.
    """

    seen: obs.Observation
    before: States
    after: States
    other: States = ()

    def fits(self, ends: Ends) -> bool:
        """Return whether this link continues a chain."""
        return ends is None or any(state in ends for state in self.before)

    def leads(self, ends: Ends) -> States:
        """Return the states that this link leads to; several if ambiguous."""
        if ends is not None and self.other:
            if self.seen.previous_state in ends:
                return self.after
            if self.fits(ends):
                return self.other
        return self.after + self.other

    def reborn(self, ends: Ends) -> bool:
        """Return whether only a re-created node explains this link.

        The previous state is the state of a new node, and the machine has no
        way to this state.
        """
        return (
            ends is not None
            and self.seen.previous_state == BIRTH
            and all(machine.distance(state, BIRTH) is None for state in ends)
        )


def link(seen: obs.Observation) -> Link:
    """Make a link of a notification."""
    previous, event, state = seen.previous_state, seen.event, seen.state
    if machine.judge(previous, event, state) is not machine.Verdict.ILLEGAL:
        return Link(seen, (previous,), (state,))
    after: States = machine.results(previous, event)
    # When a single step leads to the state, the event may be wrong. Any other
    # state was reached later and shows too early: then the result of the
    # event is the state of the node.
    if not after or machine.distance(previous, state) == 1:
        after = (state, *after)
    sources = machine.sources(event, state) - {previous}
    return Link(seen, (previous, *sources), after, (state,))


def against_time(first: obs.Observation, second: obs.Observation) -> float:
    """Return by how many seconds an order contradicts the times of sending.

    :returns: also 0.0 when the times cannot be compared, because a time is
        missing or two hosts have sent the notifications.
    """
    if (
        first.time is None
        or second.time is None
        or first.publisher != second.publisher
    ):
        return 0.0
    return max(0.0, first.time - second.time)
