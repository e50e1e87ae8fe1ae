# SPDX-License-Identifier: Apache-2.0
"""Measure how long the operations of nodes take.

An operation begins when a node at rest is put to work. It includes wait and
hold states, and ends when the node is at rest again. An operation whose start
or end was not announced is not counted.
"""

import bisect
from collections.abc import Sequence
import itertools

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs

#: Upper bounds in seconds. Bare metal takes seconds to hours.
BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
#: Stands for every name that Ironic's state machine does not have: names come
#: from messages, and each value of a label is a time series.
OTHER = 'other'
DONE = 'done'
FAILED = 'failed'
ABORTED = 'aborted'


class Histogram:
    """Durations by bucket.

    :param bounds: upper bounds of the buckets, ascending.
    """

    __slots__ = ('_bounds', '_counts', 'sum')

    def __init__(self, bounds: Sequence[float] = BUCKETS) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        """Number of durations."""
        return sum(self._counts)

    def add(self, seconds: float) -> None:
        """Add a duration."""
        self._counts[bisect.bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[float, int]]:
        """Return each upper bound with the number of durations up to it."""
        bounds = (*self._bounds, float('inf'))
        return list(
            zip(bounds, itertools.accumulate(self._counts), strict=True)
        )


class Operations:
    """Operations that run, and the durations of those that ended.

    Used by one thread at a time.

    :param bounds: upper bounds of the buckets, in seconds.
    """

    def __init__(self, bounds: Sequence[float] = BUCKETS) -> None:
        self._bounds = bounds
        #: Node -> event and time of the start.
        self._running: dict[str, tuple[str, float]] = {}
        #: Event of the start and outcome -> durations.
        self.durations: dict[tuple[str, ...], Histogram] = {}

    def take(self, seen: obs.Observation, now: float) -> None:
        """Add a notification of a provision state.

        :param seen: the notification; not a duplicate.
        :param now: when the node changed its state.
        """
        at_work = _at_work(seen.previous_state)
        interrupted = at_work and seen.event == 'delete'
        begins = _at_work(seen.state) and (interrupted or not at_work)
        if at_work and (interrupted or not _at_work(seen.state)):
            self._end(seen.node, _outcome(seen, interrupted), now)
        if begins and seen.event is not None:
            event = seen.event if machine.has_event(seen.event) else OTHER
            self._running[seen.node] = (event, now)
        elif not _at_work(seen.state):
            self.forget(seen.node)

    def forget(self, node: str) -> None:
        """Drop the operation of a node.

        :param node: the UUID of the node.
        """
        self._running.pop(node, None)

    def _end(self, node: str, outcome: str, now: float) -> None:
        """End the operation of a node, if its start is known."""
        if node not in self._running:
            return
        event, start = self._running.pop(node)
        histogram = self.durations.setdefault(
            (event, outcome), Histogram(self._bounds)
        )
        # Two conductors have two clocks.
        histogram.add(max(0.0, now - start))


def _at_work(state: str | None) -> bool:
    """Return whether an operation goes on in a state."""
    return machine.is_unstable(state) or (state or '').endswith(' hold')


def _outcome(seen: obs.Observation, interrupted: bool) -> str:
    """Return how an operation ended."""
    if interrupted or seen.event == 'abort':
        return ABORTED
    return FAILED if seen.status == 'error' else DONE
