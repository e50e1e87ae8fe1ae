# SPDX-License-Identifier: Apache-2.0
"""Answer questions about Ironic's provision state machine from a table.

Unknown states and events are not judged: a newer Ironic may have more of
them.
"""

import collections
import enum
import functools

from ironic_async_events.audit import table

_UNSTABLE = frozenset(table.UNSTABLE)
_EVENTS = frozenset(
    event for events in table.TRANSITIONS.values() for event in events
)
#: Names come from messages, so the caches need a bound.
_REMEMBERED = 4096
_FAILURES = ('fail', 'error')


class Verdict(enum.Enum):
    """What the machine says about a step."""

    LEGAL = 'legal'
    ILLEGAL = 'illegal'
    UNKNOWN = 'unknown'


def results(state: str | None, event: str | None) -> tuple[str, ...]:
    """Return the states that an event may lead to.

    :param state: the provision state in which the event comes.
    :param event: the event.
    :returns: the states; empty if the table has no such step.
    """
    if state is None or event is None:
        return ()
    return table.TRANSITIONS.get(state, {}).get(event, ())


@functools.lru_cache(_REMEMBERED)
def sources(event: str | None, state: str | None) -> frozenset[str | None]:
    """Return the states from which an event leads to a state.

    :param event: the event.
    :param state: the state that it leads to.
    :returns: the possible previous states; empty if there is none.
    """
    return frozenset(
        old
        for old, events in table.TRANSITIONS.items()
        if event in events and state in events[event]
    )


def knows(state: str | None) -> bool:
    """Return whether the table has a provision state.

    :param state: the name of the state.
    """
    return state in table.TARGETS


def has_event(event: str | None) -> bool:
    """Return whether the table has an event.

    :param event: the name of the event.
    """
    return event in _EVENTS


@functools.lru_cache(_REMEMBERED)
def judge(
    previous: str | None, event: str | None, state: str | None
) -> Verdict:
    """Judge whether an event leads from a state to another state.

    For a known pair of state and event only the results in the table are
    legal. For any other pair the verdict is UNKNOWN if any of the three names
    is unknown, else ILLEGAL.

    :param previous: the provision state before the event.
    :param event: the event.
    :param state: the provision state after it.
    :returns: the verdict.
    """
    expected = results(previous, event)
    if expected:
        return Verdict.LEGAL if state in expected else Verdict.ILLEGAL
    if knows(previous) and knows(state) and has_event(event):
        return Verdict.ILLEGAL
    return Verdict.UNKNOWN


def is_unstable(state: str | None, status: str = '') -> bool:
    """Return whether a conductor or an agent works on a node in this state.

    :param state: the provision state.
    :param status: the status of the notification that announced the state; it
        decides for an unknown state.
    :returns: True if the node leaves the state without a request.
    """
    return state in _UNSTABLE or (status == 'start' and not knows(state))


def status_of(previous: str | None, event: str | None, state: str) -> str:
    """Return the status with which Ironic announces a step.

    :param previous: the provision state before the event.
    :param event: the event.
    :param state: the provision state after it.
    :returns: ``start``, ``end``, ``error`` or ``success``.
    """
    if event in _FAILURES:
        return 'error'
    match previous in _UNSTABLE, state in _UNSTABLE:
        case False, True:
            return 'start'
        case True, False:
            return 'end'
    return 'success'


@functools.lru_cache(_REMEMBERED)
def distance(start: str | None, goal: str | None) -> int | None:
    """Return the fewest steps from a state to another state.

    :param start: the state to start from.
    :param goal: the state to reach.
    :returns: the number of steps; 0 if the states are the same; None if the
        table has no way.
    """
    if start == goal:
        return 0
    seen = {start}
    queue: collections.deque[tuple[str | None, int]] = collections.deque(
        [(start, 0)]
    )
    while queue:
        here, steps = queue.popleft()
        for names in table.TRANSITIONS.get(here or '', {}).values():
            for name in names:
                if name == goal:
                    return steps + 1
                if name not in seen:
                    seen.add(name)
                    queue.append((name, steps + 1))
    return None
