# SPDX-License-Identifier: Apache-2.0
"""Notifications as links of the chain of a node's states."""

from typing import NamedTuple

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs

States = tuple[str | None, ...]

#: The state in which nodes are created.
BIRTH = 'enroll'


class Link(NamedTuple):
    """A notification as a link of the chain of a node's states.

    :param seen: the notification.
    :param before: states that it may follow; more than one if it is illegal,
        because it is not known what is wrong with it.
    :param after: states that it may lead to, if its previous state is right.
    :param other: states that it leads to, if its previous state is wrong.
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
    # A state that one event makes of the previous one: perhaps it is the
    # event that is wrong. Any other is a state that the node came to later,
    # and shows too early: what the event makes is where the node was.
    if not after or machine.distance(previous, state) == 1:
        after = (state, *after)
    sources = machine.sources(event, state) - {previous}
    return Link(seen, (previous, *sources), after, (state,))


def leads(ends: States | None, nxt: Link) -> States:
    """Return the states that a link leads to.

    :param ends: the states of the chain before it; None if unknown.
    :param nxt: the link.
    :returns: more than one if it is illegal and they cannot be told apart.
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
    """Say whether a link continues a chain.

    :param ends: the states in which the chain may be; None if unknown.
    :param nxt: the link.
    :returns: True if it does.
    """
    return ends is None or any(state in ends for state in nxt.before)


def reborn(ends: States | None, nxt: Link) -> bool:
    """Say whether only a node that was created again explains a link.

    :param ends: the states in which the chain may be; None if unknown.
    :param nxt: the link.
    :returns: True if the machine knows no way to the link's previous state,
        and nodes are created in that state.
    """
    return (
        ends is not None
        and nxt.seen.previous_state == BIRTH
        and all(machine.distance(state, BIRTH) is None for state in ends)
    )


def against_time(first: obs.Observation, second: obs.Observation) -> float:
    """Return by how many seconds an order goes against the clock.

    :param first: what comes first in the order.
    :param second: what comes after it.
    :returns: 0.0 also where times cannot be compared: one is missing, or
        they are by the clocks of two hosts.
    """
    if (
        first.time is None
        or second.time is None
        or first.publisher != second.publisher
    ):
        return 0.0
    return max(0.0, first.time - second.time)
