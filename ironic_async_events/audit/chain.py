# SPDX-License-Identifier: Apache-2.0
"""Follow the states of one node through its notifications.

While every notification continues the chain, only the end of the chain is
kept. A notification that does not continue the chain opens a window. The
window holds this notification and the next few, until their number or the
time allows a decision.
"""

from typing import NamedTuple

from ironic_async_events.audit import alignment
from ironic_async_events.audit import links
from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: A window of this size is decided ...
_WINDOW = 8
#: ... except for the last notifications, whose successors may still come.
_UNDECIDED = 4
#: A notification may have fitted by chance. So the last few are decided again
#: when a notification comes that was sent before them, or while the state
#: before them is unknown.
_BACK = 3
#: This many losses are remembered: a very late notification may fill them.
_GAPS = 4


class _Gap(NamedTuple):
    """A reported loss, which a late notification may still fill."""

    before: links.States
    after: links.Link

    def filled_by(self, nxt: links.Link) -> bool:
        """Return whether a late notification fills this gap."""
        time, until = nxt.seen.time, self.after.seen.time
        in_time = (
            time is None or until is None or time <= until + alignment.MOMENT
        )
        return nxt.fits(self.before) and self.after.fits(nxt.after) and in_time


class Chain:
    """The chain of one node's states; used by one thread at a time."""

    __slots__ = ('_back', '_ends', '_gaps', '_start', 'last', 'window')

    def __init__(self, ends: links.Ends = None) -> None:
        self._ends = ends
        #: The last few that fitted, and the end of the chain before them.
        self._back: tuple[links.Link, ...] = ()
        self._start = ends
        self._gaps: list[_Gap] = []
        #: Notifications that are held; empty while all of them fit.
        self.window: list[links.Link] = []
        #: The last notification that has its place in the chain.
        self.last: obs.Observation | None = None

    def add(self, seen: obs.Observation) -> list[Violation]:
        """Add a notification; return what is now known of the order."""
        nxt = links.link(seen)
        if self.window or not self._continues(self._ends, self.last, nxt):
            return self._add_odd(nxt)
        if len(self._back) == _BACK:
            self._start = self._back[0].leads(self._start)
            self._back = self._back[1:]
        self._back = (*self._back, nxt)
        self._ends, self.last = nxt.leads(self._ends), seen
        return []

    @staticmethod
    def _continues(
        ends: links.Ends, last: obs.Observation | None, nxt: links.Link
    ) -> bool:
        """Return whether a link continues a chain, also by its time."""
        return nxt.fits(ends) and not (
            last is not None and links.against_time(last, nxt.seen)
        )

    def _add_odd(self, nxt: links.Link) -> list[Violation]:
        """Add a notification that does not continue the chain."""
        if not self.window:
            for gap in self._gaps:
                if not nxt.fits(self._ends) and gap.filled_by(nxt):
                    self._gaps.remove(gap)
                    detail = 'arrived so late that it was taken for lost'
                    return [
                        Violation(
                            Kind.OUT_OF_ORDER, nxt.seen, detail, fills=True
                        )
                    ]
            if self._start is None or any(
                links.against_time(old.seen, nxt.seen) for old in self._back
            ):
                self.window = list(self._back)
                self._ends = self._start
            self._back = ()
        self.window.append(nxt)
        return self.settle(False) if len(self.window) >= _WINDOW else []

    def settle(self, final: bool = True) -> list[Violation]:
        """Decide on the held notifications; unless final, on the first."""
        held = self.window
        order = alignment.explain(self._ends, held, final)
        moved = alignment.displaced(order)
        count = len(held) if final else _cut(order)
        violations: list[Violation] = []
        for place, index in enumerate(order[:count]):
            nxt = held[index]
            violations += self._gap(nxt)
            if index in moved:
                where = _where(order, place, held)
                violations.append(
                    Violation(Kind.OUT_OF_ORDER, nxt.seen, where)
                )
            self._ends, self.last = nxt.leads(self._ends), nxt.seen
        self.window = [held[index] for index in sorted(order[count:])]
        self._resume()
        return violations

    def _resume(self) -> None:
        """Close the window if its notifications continue the chain."""
        self._start = ends = self._ends
        last = self.last
        for nxt in self.window:
            if not self._continues(ends, last, nxt):
                return
            ends, last = nxt.leads(ends), nxt.seen
        self._start = self._ends = ends
        self.last, self.window = last, []

    def _gap(self, nxt: links.Link) -> list[Violation]:
        """Report a loss before a link, if there is a gap."""
        ends = self._ends
        if ends is None or nxt.fits(ends) or nxt.reborn(ends):
            return []
        self._gaps = [*self._gaps[1 - _GAPS :], _Gap(ends, nxt)]
        ways = [
            steps
            for start in ends
            for goal in nxt.before
            if (steps := machine.distance(start, goal)) is not None
        ]
        detail = (
            f'nothing told how the node came from {ends[0]!r} to '
            f'{nxt.seen.previous_state!r}'
        )
        missing = min(ways, default=None)
        return [Violation(Kind.LOST, nxt.seen, detail, missing)]


def _cut(order: alignment.Order) -> int:
    """Return how many links of an order can be decided.

    A displaced link must stay together with the links that it overtook.
    """
    cuts = [
        size
        for size in range(1, len(order) + 1)
        if max(order[:size]) == size - 1
    ]
    most = len(order) - _UNDECIDED
    return max((size for size in cuts if size <= most), default=cuts[0])


def _where(order: alignment.Order, place: int, held: list[links.Link]) -> str:
    """Describe how a notification was displaced."""
    index = order[place]
    for later in order[place + 1 :]:
        if later < index:
            return f'arrived after {held[later].seen}, which follows it'
    earlier = next(each for each in order[:place] if each > index)
    return f'arrived before {held[earlier].seen}, which precedes it'
