# SPDX-License-Identifier: Apache-2.0
"""Answer questions about Ironic's provision state machine from a table.

Unknown states and events are not judged: a newer Ironic may have more of
them.
"""

import enum
import functools

from ironic_async_events.audit import table

_UNSTABLE = frozenset(table.UNSTABLE)
#: Names come from messages, so the caches need a bound.
_REMEMBERED = 4096


class Verdict(enum.Enum):
    """What the machine says about a transition."""

    LEGAL = 'legal'
    ILLEGAL = 'illegal'
    UNKNOWN = 'unknown'


def results(state: str | None, event: str | None) -> tuple[str, ...]:
    """Return the states that an event may lead to; empty if there is none."""
    return table.TRANSITIONS.get(state or '', {}).get(event or '', ())


@functools.lru_cache(_REMEMBERED)
def sources(event: str | None, state: str | None) -> frozenset[str | None]:
    """Return the states from which an event leads to a state."""
    return frozenset(
        old for old, name, new in table.STEPS if name == event and new == state
    )


@functools.lru_cache(_REMEMBERED)
def judge(
    previous: str | None, event: str | None, state: str | None
) -> Verdict:
    """Judge whether an event leads from a state to another state.

    For a known pair of state and event only the results in the table are
    legal. For any other pair the verdict is UNKNOWN if any of the three names
    is unknown, else ILLEGAL.
    """
    expected = results(previous, event)
    if state in expected:
        return Verdict.LEGAL
    known = {previous, state} <= table.STATES and event in table.EVENTS
    return Verdict.ILLEGAL if expected or known else Verdict.UNKNOWN


def is_unstable(state: str | None, status: str = '') -> bool:
    """Return whether a conductor or an agent works on a node in this state.

    The status of the notification decides for an unknown state.
    """
    return state in _UNSTABLE or (
        status == 'start' and state not in table.STATES
    )


@functools.lru_cache(_REMEMBERED)
def distance(start: str | None, goal: str | None) -> int | None:
    """Return the fewest steps between states; None if there is no way."""
    reached, fresh = {start}, [start]
    for steps in range(len(table.STATES) + 1):
        if goal in fresh:
            return steps
        nearby = [new for old, _, new in table.STEPS if old in fresh]
        fresh = [state for state in nearby if state not in reached]
        reached.update(fresh)
    return None
