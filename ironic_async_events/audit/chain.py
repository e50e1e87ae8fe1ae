# SPDX-License-Identifier: Apache-2.0
"""Follow the states of one node through its notifications.

While every notification continues the chain, only the end of the chain is
kept. A notification that does not continue the chain opens a window. The
window holds this notification and the next few, until their number or the
time allows a decision.
"""

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


class _Gap:
    """A reported loss, which a late notification may still fill."""

    __slots__ = ('after', 'before', 'until')

    def __init__(self, before: links.States, nxt: links.Link) -> None:
        self.before = before
        self.after = nxt.before
        self.until = nxt.seen.time

    def filled_by(self, nxt: links.Link) -> bool:
        """Return whether a late notification fills this gap."""
        time = nxt.seen.time
        return (
            links.fits(self.before, nxt)
            and any(state in self.after for state in nxt.after)
            and (
                time is None
                or self.until is None
                or time <= self.until + alignment.MOMENT
            )
        )


class Chain:
    """The chain of one node's states; used by one thread at a time.

    :param ends: the known state of the node; None if unknown.
    """

    __slots__ = ('_back', '_ends', '_gaps', '_start', 'last', 'window')

    def __init__(self, ends: links.States | None = None) -> None:
        self._ends = ends
        #: The last few that fitted, and the end of the chain before them.
        self._back: tuple[obs.Observation, ...] = ()
        self._start = ends
        self._gaps: list[_Gap] = []
        #: Notifications that are held; empty while all of them fit.
        self.window: list[links.Link] = []
        #: The last notification that has its place in the chain.
        self.last: obs.Observation | None = None

    def add(self, seen: obs.Observation, legal: bool) -> list[Violation]:
        """Add a notification.

        :param seen: the notification; not a duplicate.
        :param legal: whether the state machine allows its step.
        :returns: the violations of the order that are now known.
        """
        last = self.last
        if self.window or (
            last is not None and links.against_time(last, seen)
        ):
            return self._add_odd(links.link(seen))
        if legal:
            if self._ends is None or seen.previous_state in self._ends:
                self._accept(seen, (seen.state,))
                return []
            return self._add_odd(links.link(seen))
        nxt = links.link(seen)
        if not links.fits(self._ends, nxt):
            return self._add_odd(nxt)
        self._accept(seen, links.leads(self._ends, nxt))
        return []

    def _accept(self, seen: obs.Observation, ends: links.States) -> None:
        """Continue the chain."""
        back = self._back
        if len(back) == _BACK:
            self._start = links.leads(self._start, links.link(back[0]))
            back = back[1:]
        self._back = (*back, seen)
        self._ends, self.last = ends, seen

    def _add_odd(self, nxt: links.Link) -> list[Violation]:
        """Add a notification that does not continue the chain."""
        if not self.window:
            for gap in self._gaps:
                if not links.fits(self._ends, nxt) and gap.filled_by(nxt):
                    self._gaps.remove(gap)
                    return [
                        Violation(
                            Kind.OUT_OF_ORDER,
                            nxt.seen.node,
                            nxt.seen,
                            'arrived so late that it was taken for lost',
                            fills=True,
                        )
                    ]
            if self._start is None or any(
                links.against_time(seen, nxt.seen) for seen in self._back
            ):
                self.window = [links.link(seen) for seen in self._back]
                self._ends = self._start
            self._back = ()
        self.window.append(nxt)
        if len(self.window) < _WINDOW:
            return []
        return self.settle(final=False)

    def settle(self, final: bool = True) -> list[Violation]:
        """Decide on the held notifications.

        :param final: False to leave the last few undecided.
        :returns: the violations that are now known.
        """
        if not self.window:
            return []
        held = self.window
        best = alignment.explain(self._ends, held, final)
        count = len(held) if final else _cut(best.order)
        violations: list[Violation] = []
        for place, index in enumerate(best.order[:count]):
            nxt = held[index]
            violations += self._gap(nxt)
            if index in best.moved:
                violations.append(
                    Violation(
                        Kind.OUT_OF_ORDER,
                        nxt.seen.node,
                        nxt.seen,
                        _where(best.order, place, held),
                    )
                )
            self._ends = links.leads(self._ends, nxt)
            self.last = nxt.seen
        self.window = [held[i] for i in sorted(best.order[count:])]
        self._start = self._ends
        self._resume()
        return violations

    def _resume(self) -> None:
        """Close the window if its notifications continue the chain."""
        ends, last = self._ends, self.last
        for nxt in self.window:
            if not links.fits(ends, nxt) or (
                last is not None and links.against_time(last, nxt.seen)
            ):
                return
            ends, last = links.leads(ends, nxt), nxt.seen
        self._ends, self.last, self.window = ends, last, []
        self._start = ends

    def _gap(self, nxt: links.Link) -> list[Violation]:
        """Report a loss before a link, if there is a gap."""
        ends = self._ends
        if ends is None or links.fits(ends, nxt) or links.reborn(ends, nxt):
            return []
        self._gaps = [*self._gaps[1 - _GAPS :], _Gap(ends, nxt)]
        ways = [
            steps
            for start in ends
            for goal in nxt.before
            if (steps := machine.distance(start, goal)) is not None
        ]
        missing = min(ways, default=None)
        return [
            Violation(
                Kind.LOST,
                nxt.seen.node,
                nxt.seen,
                f'nothing told how the node came from {ends[0]!r} to '
                f'{nxt.seen.previous_state!r}',
                missing,
            )
        ]


def _cut(order: tuple[int, ...]) -> int:
    """Return how many links of an order can be decided.

    A displaced link must stay together with the links that it overtook.
    """
    cuts = [
        size
        for size in range(1, len(order) + 1)
        if max(order[:size]) == size - 1
    ]
    early = [size for size in cuts if size <= len(order) - _UNDECIDED]
    return early[-1] if early else cuts[0]


def _where(order: tuple[int, ...], place: int, held: list[links.Link]) -> str:
    """Describe how a notification was displaced."""
    index = order[place]
    for later in order[place + 1 :]:
        if later < index:
            return f'arrived after {held[later].seen}, which follows it'
    for earlier in order[:place]:
        if earlier > index:
            return f'arrived before {held[earlier].seen}, which precedes it'
    return 'arrived at another place'
