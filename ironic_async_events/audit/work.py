# SPDX-License-Identifier: Apache-2.0
"""Which nodes are at work, and since when."""

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: What is at work: the kind of notification that says so, and the node.
Key = tuple[str, str]


def at_work(last: obs.Observation) -> bool:
    """Say whether a node is at work after a notification.

    :param last: the notification.
    :returns: True if an end or an error is to come. An illegal notification
        may have the event wrong, or the state: only what is at work by both
        is.
    """
    if not machine.is_unstable(last.state, last.status):
        return False
    right = machine.results(last.previous_state, last.event)
    return not right or machine.is_unstable(right[0])


class Work:
    """Operations that have started; used by one thread at a time.

    Waiting belongs to an operation: it goes on until the node is at rest.
    """

    def __init__(self) -> None:
        # In the order of their starts, because time only advances.
        self._since: dict[Key, tuple[float, obs.Observation]] = {}
        self._reported: set[Key] = set()

    def note(self, key: Key, last: obs.Observation, now: float) -> None:
        """Take the last notification of a node.

        :param key: whose it is.
        :param last: the notification.
        :param now: the time.
        """
        if at_work(last):
            if key not in self._since and key not in self._reported:
                self._since[key] = (now, last)
        elif self._since or self._reported:
            self.end(key)

    def end(self, key: Key) -> None:
        """Forget what a node was at.

        :param key: the node.
        """
        self._since.pop(key, None)
        self._reported.discard(key)

    def overdue(self, now: float, after: float) -> list[Violation]:
        """Report, once each, the operations that should have ended.

        :param now: the time.
        :param after: seconds that an operation may take.
        :returns: the violations.
        """
        violations: list[Violation] = []
        while self._since:
            key, (since, start) = next(iter(self._since.items()))
            age = now - since
            if age < after:
                break
            del self._since[key]
            self._reported.add(key)
            detail = f'in {start.state!r} for {age:.0f} s, and no end'
            violations.append(
                Violation(Kind.UNFINISHED, start.node, start, detail)
            )
        return violations
