# SPDX-License-Identifier: Apache-2.0
"""The life of nodes as their notifications tell it, as values to draw.

What a consumer of notifications believes is what is shown: a node is in the
state that was announced last. Where something is wrong this differs from what
the node lived through, and that is the point of looking at it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation


class Span(NamedTuple):
    """A node was in one state for some time.

    :param state: the provision state.
    :param start: since when, in seconds since 1970.
    :param end: until when.
    :param sure: False if the notification that ends the span did not follow
        from this state: somewhere in the span the node was elsewhere.
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
    """Something was wrong here."""

    time: float
    kind: Kind
    text: str


class Life(NamedTuple):
    """What there is to draw of one node."""

    node: str
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    flags: tuple[Flag, ...]

    @property
    def start(self) -> float:
        """When the first notification was received."""
        return self.marks[0].time if self.marks else 0.0


def _name(state: str | None) -> str:
    return 'none' if state is None else state


class _Builder:
    """Collects the life of one node."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.spans: list[Span] = []
        self.marks: list[Mark] = []
        self.flags: list[Flag] = []
        self.state: str | None = None
        self.since = 0.0
        self.now = 0.0
        #: When each notification was placed, for the flags that point at it.
        self.times: dict[int, float] = {}

    def take(self, seen: obs.Observation) -> None:
        """Take one more notification, in the order of reception."""
        when = seen.when
        # Clocks may step back; a life does not.
        self.now = max(self.now, self.now if when is None else when)
        self.times.setdefault(id(seen), self.now)
        if self.marks:
            sure = seen.previous_state == self.state
            self.end_span(self.now, sure)
        self.state, self.since = seen.state, self.now
        self.marks.append(Mark(self.now, seen.status, str(seen)))

    def end_span(self, end: float, sure: bool = True) -> None:
        """End the span of the present state."""
        if end > self.since:
            span = Span(_name(self.state), self.since, end, sure)
            self.spans.append(span)

    def flag(self, violation: Violation) -> None:
        """Take what was wrong with the node."""
        seen = violation.observation
        time = self.times.get(id(seen), seen.when or self.now)
        self.flags.append(Flag(time, violation.kind, violation.detail))

    def life(self, until: float) -> Life:
        """Return what there is to draw."""
        self.end_span(until)
        return Life(
            self.node,
            tuple(self.spans),
            tuple(self.marks),
            tuple(sorted(self.flags, key=lambda flag: flag.time)),
        )


def lives(
    observations: Iterable[obs.Observation | obs.Malformed | obs.Ignored],
    violations: Iterable[Violation] = (),
    until: float | None = None,
    kind: str = 'provision_set',
) -> list[Life]:
    """Turn a recording into lives.

    :param observations: what was received, in the order of reception; the
        very objects that the checker was given.
    :param violations: what the checker found.
    :param until: the end of the picture, in seconds since 1970; by default
        the time of the last notification of any node.
    :param kind: the kind of observations that tells the states.
    :returns: one life for each node, in the order of their first
        notifications.
    """
    builders: dict[str, _Builder] = {}
    for seen in observations:
        if isinstance(seen, obs.Observation) and seen.kind == kind:
            if seen.node not in builders:
                builders[seen.node] = _Builder(seen.node)
            builders[seen.node].take(seen)
    for violation in violations:
        builder = builders.get(violation.node)
        if builder is not None and violation.observation.kind == kind:
            builder.flag(violation)
    if until is None:
        until = max(
            (builder.now for builder in builders.values()), default=0.0
        )
    return [builder.life(until) for builder in builders.values()]
