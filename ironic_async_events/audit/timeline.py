# SPDX-License-Identifier: Apache-2.0
"""Turn notifications into the timelines of nodes, as values to draw.

A timeline shows what a consumer believes: a node is in the state that was
announced last. After a violation this differs from the real state.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from typing import NamedTuple

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation


class Span(NamedTuple):
    """A node was in a state for some time, in seconds since 1970.

    :param sure: False if the notification that ends the span has another
        previous state: the node changed its state within the span.
    """

    state: str
    start: float
    end: float
    sure: bool = True


class Mark(NamedTuple):
    """A notification was received."""

    time: float
    status: str
    text: str


class Flag(NamedTuple):
    """There was a violation."""

    time: float
    kind: Kind
    text: str


class Life(NamedTuple):
    """The timeline of a node."""

    node: str
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    flags: tuple[Flag, ...]


def extent(shown: Collection[Life]) -> tuple[float, float]:
    """Return the first start, and the seconds to the last end."""
    start = min(life.marks[0].time for life in shown)
    ends = [span.end - start for life in shown for span in life.spans]
    return start, max(ends, default=0.0) or 1.0


def lives(
    observations: Iterable[obs.Seen],
    violations: Iterable[Violation] = (),
    until: float | None = None,
) -> list[Life]:
    """Turn a recording into a timeline for each node.

    :param observations: the observations, in the order of receiving; the same
        objects that the checker has received.
    :param until: the end of the picture, in seconds since 1970; by default
        the time of the last notification of any node.
    """
    nodes: dict[str, list[tuple[float, obs.Observation]]] = {}
    for seen in observations:
        if isinstance(seen, obs.Observation) and seen.kind == 'provision_set':
            known = nodes.setdefault(seen.node, [])
            # Clocks may step back; a timeline does not.
            before = known[-1][0] if known else 0.0
            known.append((max(before, seen.when or 0.0), seen))
    wrong: dict[str, list[Violation]] = {}
    for violation in violations:
        if violation.observation.kind == 'provision_set':
            wrong.setdefault(violation.node, []).append(violation)
    if until is None:
        until = max((known[-1][0] for known in nodes.values()), default=0.0)
    return [
        Life(
            node,
            tuple(_spans(known, until)),
            tuple(Mark(time, seen.status, str(seen)) for time, seen in known),
            tuple(_flags(known, wrong.get(node, ()))),
        )
        for node, known in nodes.items()
    ]


def _spans(
    known: list[tuple[float, obs.Observation]], until: float
) -> Iterator[Span]:
    """Yield the states of a node, without those that took no time."""
    for place, (start, seen) in enumerate(known, 1):
        end, sure = until, True
        if place < len(known):
            end, following = known[place]
            sure = following.previous_state == seen.state
        if end > start:
            yield Span(seen.state or 'none', start, end, sure)


def _flags(
    known: list[tuple[float, obs.Observation]], violations: Iterable[Violation]
) -> list[Flag]:
    """Return the violations at a node, by the time of their notification."""
    times = {id(seen): time for time, seen in reversed(known)}
    flags = []
    for violation in violations:
        seen = violation.observation
        time = times.get(id(seen), seen.when or known[-1][0])
        flags.append(Flag(time, violation.kind, violation.detail))
    return sorted(flags, key=lambda flag: flag.time)
