# SPDX-License-Identifier: Apache-2.0
"""Follow the operations of nodes: which are unfinished, which have ended.

An operation begins when a node at rest is put to work. It includes its wait
states, and ends when the node is at rest again.
"""

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import table
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: The kind of notification, and the node.
Key = tuple[str, str]
#: Stands for every name that Ironic's state machine does not have: names come
#: from messages, and each value of a label is a time series.
OTHER = 'other'


class Unfinished:
    """Operations that have started; used by one thread at a time."""

    def __init__(self) -> None:
        # Sorted by start, because time only advances.
        self._since: dict[Key, tuple[float, obs.Observation]] = {}
        self._reported: set[Key] = set()

    def note(self, key: Key, last: obs.Observation, now: float) -> None:
        """Note the last notification of a node."""
        if _must_end(last):
            if key not in self._since and key not in self._reported:
                self._since[key] = (now, last)
        elif self._since or self._reported:
            self.end(key)

    def end(self, key: Key) -> None:
        """Forget the operation of a node."""
        self._since.pop(key, None)
        self._reported.discard(key)

    def overdue(self, now: float, after: float) -> list[Violation]:
        """Report operations that should have ended, each of them once."""
        violations: list[Violation] = []
        while self._since:
            key, (since, start) = next(iter(self._since.items()))
            age = now - since
            if age < after:
                break
            del self._since[key]
            self._reported.add(key)
            detail = f'in {start.state!r} for {age:.0f} s, and no end'
            violations.append(Violation(Kind.UNFINISHED, start, detail))
        return violations


def _must_end(last: obs.Observation) -> bool:
    """Return whether an end or an error must follow a notification.

    An illegal notification has a wrong event or a wrong state: then both must
    say so.
    """
    if not machine.is_unstable(last.state, last.status):
        return False
    right = machine.results(last.previous_state, last.event)
    return not right or machine.is_unstable(right[0])


class Durations:
    """Measures operations, hold states included; not shared by threads.

    An operation whose start or end was not announced is not measured.
    """

    def __init__(self) -> None:
        #: Node -> event and time of the start.
        self._running: dict[str, tuple[str, float]] = {}

    def take(
        self, seen: obs.Observation, now: float
    ) -> tuple[str, str, float] | None:
        """Add a change of a node's state, which is no duplicate.

        :param now: when the node changed its state.
        :returns: event, outcome and seconds of the operation that has ended.
        """
        works = _at_work(seen.state)
        worked = _at_work(seen.previous_state)
        interrupted = worked and seen.event == 'delete'
        ends = interrupted or not works
        start = self._running.pop(seen.node, None) if ends else None
        if works and (interrupted or not worked) and seen.event is not None:
            event = seen.event if seen.event in table.EVENTS else OTHER
            self._running[seen.node] = (event, now)
        if start is None or not worked:
            return None
        outcome = 'failed' if seen.status == 'error' else 'done'
        if interrupted or seen.event == 'abort':
            outcome = 'aborted'
        # Two conductors have two clocks.
        return start[0], outcome, max(0.0, now - start[1])

    def forget(self, node: str) -> None:
        """Drop the operation of a node."""
        self._running.pop(node, None)


def _at_work(state: str | None) -> bool:
    """Return whether an operation goes on in a state."""
    return machine.is_unstable(state) or (state or '').endswith(' hold')
