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
    """The numbers of one node; used by one thread at a time.

    :param number: the number before the next expected number; None if
        unknown.
    """

    __slots__ = ('_held', '_missed', '_number', 'last')

    def __init__(self, number: int | None = None) -> None:
        self._number = number
        self._held: dict[int, obs.Observation] = {}
        self._missed: list[int] = []
        #: The last notification that has its place in the chain.
        self.last: obs.Observation | None = None

    @property
    def window(self) -> dict[int, obs.Observation]:
        """The held notifications; empty while no number is missing."""
        return self._held

    def add(self, seen: obs.Observation, number: int) -> list[Violation]:
        """Add a notification.

        :param seen: the notification; not a duplicate by its message id.
        :param number: its sequence number.
        :returns: the violations of the order that are now known.
        """
        if self._number is None:
            self._number = number - 1
        if number > self._number + 1 and number not in self._held:
            self._held[number] = seen
            return self.settle() if len(self._held) >= _HELD else []
        if number != self._number + 1:
            return [self._again(seen, number)]
        overtaken = min(self._held, default=None)
        self._take(seen, number)
        if overtaken is None:
            return []
        while self._number + 1 in self._held:
            following = self._number + 1
            self._take(self._held.pop(following), following)
        detail = f'number {number} arrived after number {overtaken}'
        return [Violation(Kind.OUT_OF_ORDER, seen.node, seen, detail)]

    def _take(self, seen: obs.Observation, number: int) -> None:
        self._number, self.last = number, seen

    def _again(self, seen: obs.Observation, number: int) -> Violation:
        """Report a number that is not above the last number."""
        if number in self._missed:
            self._missed.remove(number)
            detail = f'number {number} arrived so late that it was taken for '
            return Violation(
                Kind.OUT_OF_ORDER, seen.node, seen, detail + 'lost', fills=True
            )
        return Violation(
            Kind.DUPLICATE,
            seen.node,
            seen,
            f'number {number} was received or passed before',
        )

    def settle(self, final: bool = True) -> list[Violation]:
        """Decide on the held notifications.

        :param final: is ignored.
        :returns: the violations that are now known.
        """
        violations: list[Violation] = []
        for number in sorted(self._held):
            seen = self._held[number]
            first = (self._number or 0) + 1
            if number > first:
                violations.append(
                    Violation(
                        Kind.LOST,
                        seen.node,
                        seen,
                        f'number {first} never came'
                        if number == first + 1
                        else f'numbers {first} to {number - 1} never came',
                        number - first,
                    )
                )
                lost = range(max(first, number - _MISSED), number)
                self._missed = [*self._missed, *lost][-_MISSED:]
            self._take(seen, number)
        self._held.clear()
        return violations
