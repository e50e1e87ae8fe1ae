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
    :param after: states that it may lead to; likewise.
    """

    seen: obs.Observation
    before: States
    after: States


def link(seen: obs.Observation) -> Link:
    """Make a link of a notification.

    :param seen: the notification.
    :returns: the link.
    """
    previous, event, state = seen.previous_state, seen.event, seen.state
    if machine.judge(previous, event, state) is not machine.Verdict.ILLEGAL:
        return Link(seen, (previous,), (state,))
    return Link(
        seen,
        (previous, *machine.sources(event, state)),
        (state, *machine.results(previous, event)),
    )


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
