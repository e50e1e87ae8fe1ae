# SPDX-License-Identifier: Apache-2.0
"""Which nodes are at work, and since when: finds unfinished operations."""

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: The kind of notification, and the node.
Key = tuple[str, str]


def at_work(last: obs.Observation) -> bool:
    """Return whether a node is at work after a notification.

    :param last: the notification.
    :returns: True if an end or an error must follow. An illegal notification
        has a wrong event or a wrong state: then both must say so.
    """
    if not machine.is_unstable(last.state, last.status):
        return False
    right = machine.results(last.previous_state, last.event)
    return not right or machine.is_unstable(right[0])


class Work:
    """Operations that have started; used by one thread at a time.

    An operation includes its wait states. It ends when the node is at rest.
    """

    def __init__(self) -> None:
        # Sorted by start, because time only advances.
        self._since: dict[Key, tuple[float, obs.Observation]] = {}
        self._reported: set[Key] = set()

    def note(self, key: Key, last: obs.Observation, now: float) -> None:
        """Note the last notification of a node.

        :param key: the kind of notification and the node.
        :param last: the notification.
        :param now: the time.
        """
        if at_work(last):
            if key not in self._since and key not in self._reported:
                self._since[key] = (now, last)
        elif self._since or self._reported:
            self.end(key)

    def end(self, key: Key) -> None:
        """Forget the operation of a node.

        :param key: the kind of notification and the node.
        """
        self._since.pop(key, None)
        self._reported.discard(key)

    def overdue(self, now: float, after: float) -> list[Violation]:
        """Report operations that should have ended, each of them once.

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
