# SPDX-License-Identifier: Apache-2.0
"""Follow the sequence numbers of one node's notifications.

A missing number is a loss. Neither states nor the machine matter, and the
number of losses is exact.
"""

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: How many notifications are held while a number is missing.
_HELD = 4
#: How many missing numbers are remembered: they may come late.
_MISSED = 64


class NumberedChain:
    """The numbers of one node; used by one thread at a time."""

    __slots__ = ('_missed', '_number', 'last', 'window')

    def __init__(self) -> None:
        #: The number before the next expected number; None if unknown.
        self._number: int | None = None
        self._missed: list[int] = []
        #: Notifications that are held; empty while no number is missing.
        self.window: dict[int, obs.Observation] = {}
        #: The last notification that has its place in the chain.
        self.last: obs.Observation | None = None

    def add(self, seen: obs.Observation) -> list[Violation]:
        """Add a notification; see :meth:`chain.Chain.add`."""
        number = seen.sequence
        if number is None:
            # It has no place in this chain.
            return []
        if self._number is None:
            self._number = number - 1
        if number > self._number + 1 and number not in self.window:
            self.window[number] = seen
            return self.settle() if len(self.window) >= _HELD else []
        if number != self._number + 1:
            return [self._again(seen, number)]
        overtaken = min(self.window, default=None)
        self._number, self.last = number, seen
        if overtaken is None:
            return []
        while self._number + 1 in self.window:
            self._number += 1
            self.last = self.window.pop(self._number)
        detail = f'number {number} arrived after number {overtaken}'
        return [Violation(Kind.OUT_OF_ORDER, seen, detail)]

    def _again(self, seen: obs.Observation, number: int) -> Violation:
        """Report a number that is not above the last number."""
        if number in self._missed:
            self._missed.remove(number)
            detail = f'number {number} arrived so late that it was taken for '
            return Violation(
                Kind.OUT_OF_ORDER, seen, detail + 'lost', fills=True
            )
        detail = f'number {number} was received or passed before'
        return Violation(Kind.DUPLICATE, seen, detail)

    def settle(self) -> list[Violation]:
        """Decide on the held notifications; see :meth:`chain.Chain.settle`."""
        violations: list[Violation] = []
        for number, seen in sorted(self.window.items()):
            first = (self._number or 0) + 1
            if number > first:
                what = f'number {first}'
                if number > first + 1:
                    what = f'numbers {first} to {number - 1}'
                violations.append(
                    Violation(
                        Kind.LOST, seen, f'{what} never came', number - first
                    )
                )
                lost = range(max(first, number - _MISSED), number)
                self._missed = [*self._missed, *lost][-_MISSED:]
            self._number, self.last = number, seen
        self.window.clear()
        return violations
