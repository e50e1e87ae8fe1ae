# SPDX-License-Identifier: Apache-2.0
"""A notification as a link in the chain of a node's states."""

from typing import NamedTuple

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs

States = tuple[str | None, ...]

#: The state in which nodes are created.
BIRTH = 'enroll'


class Link(NamedTuple):
    """A notification, with the states that it may connect.

    An illegal notification has a wrong event or a wrong state. So it has
    several possible states.

    :param seen: the notification.
    :param before: possible states before the notification.
    :param after: possible states after it, if its previous state is right.
    :param other: possible states after it, if its previous state is wrong.
    """

    seen: obs.Observation
    before: States
    after: States
    other: States = ()


def link(seen: obs.Observation) -> Link:
    """Make a link of a notification.

    :param seen: the notification.
    :returns: the link.
    """
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


def leads(ends: States | None, nxt: Link) -> States:
    """Return the states that a link leads to.

    :param ends: the states of the chain before the link; None if unknown.
    :param nxt: the link.
    :returns: several states if the link is illegal and ambiguous.
    """
    if not nxt.other:
        return nxt.after
    if ends is not None:
        if nxt.seen.previous_state in ends:
            return nxt.after
        if fits(ends, nxt):
            return nxt.other
    return nxt.after + nxt.other


def fits(ends: States | None, nxt: Link) -> bool:
    """Return whether a link continues a chain.

    :param ends: the possible states of the chain; None if unknown.
    :param nxt: the link.
    """
    return ends is None or any(state in ends for state in nxt.before)


def reborn(ends: States | None, nxt: Link) -> bool:
    """Return whether only a deleted and re-created node explains a link.

    :param ends: the possible states of the chain; None if unknown.
    :param nxt: the link.
    :returns: True if the previous state of the link is the state of a new
        node, and the machine has no way to this state.
    """
    return (
        ends is not None
        and nxt.seen.previous_state == BIRTH
        and all(machine.distance(state, BIRTH) is None for state in ends)
    )


def against_time(first: obs.Observation, second: obs.Observation) -> float:
    """Return by how many seconds an order contradicts the times of sending.

    :param first: the first notification of the order.
    :param second: the second notification of the order.
    :returns: seconds; also 0.0 when the times cannot be compared, because a
        time is missing or two hosts have sent the notifications.
    """
    if (
        first.time is None
        or second.time is None
        or first.publisher != second.publisher
    ):
        return 0.0
    return max(0.0, first.time - second.time)
