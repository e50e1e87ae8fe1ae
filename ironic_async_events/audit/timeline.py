# SPDX-License-Identifier: Apache-2.0
"""Turn notifications into the timelines of nodes, as values to draw.

A timeline shows what a consumer believes: a node is in the state that was
announced last. After a violation this differs from the real state.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation


class Span(NamedTuple):
    """A node was in a state for some time.

    :param state: the provision state.
    :param start: the start, in seconds since 1970.
    :param end: the end, in seconds since 1970.
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

    @property
    def start(self) -> float:
        """When the first notification was received."""
        return self.marks[0].time if self.marks else 0.0


def _name(state: str | None) -> str:
    return 'none' if state is None else state


class _Builder:
    """Builds the timeline of a node."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.spans: list[Span] = []
        self.marks: list[Mark] = []
        self.flags: list[Flag] = []
        self.state: str | None = None
        self.since = 0.0
        self.now = 0.0
        #: By id() of an observation: its time, for its flags.
        self.times: dict[int, float] = {}

    def take(self, seen: obs.Observation) -> None:
        """Add a notification, in the order of receiving."""
        when = seen.when
        # Clocks may step back; a timeline does not.
        self.now = max(self.now, self.now if when is None else when)
        self.times.setdefault(id(seen), self.now)
        if self.marks:
            sure = seen.previous_state == self.state
            self.end_span(self.now, sure)
        self.state, self.since = seen.state, self.now
        self.marks.append(Mark(self.now, seen.status, str(seen)))

    def end_span(self, end: float, sure: bool = True) -> None:
        """End the span of the current state."""
        if end > self.since:
            span = Span(_name(self.state), self.since, end, sure)
            self.spans.append(span)

    def flag(self, violation: Violation) -> None:
        """Add a violation."""
        seen = violation.observation
        time = self.times.get(id(seen), seen.when or self.now)
        self.flags.append(Flag(time, violation.kind, violation.detail))

    def life(self, until: float) -> Life:
        """Return the timeline."""
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
    """Turn a recording into timelines.

    :param observations: the observations, in the order of receiving; the same
        objects that the checker has received.
    :param violations: the violations of the checker.
    :param until: the end of the picture, in seconds since 1970; by default
        the time of the last notification of any node.
    :param kind: the kind of observations to draw.
    :returns: a timeline for each node, in the order of the first
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
