# SPDX-License-Identifier: Apache-2.0
"""Find the simplest explanation of a few notifications that do not fit.

A notification whose previous state is not the node's may have lost its
predecessor, or have overtaken it. The next few notifications tell which: an
order of all of them in which every state follows from the one before is
better evidence for overtaking than anything else, unless losing one
notification explains what was seen with less.

Every explanation has a price, and the cheapest wins; if two are equal, the
one that keeps the order of arrival. The prices, in words:

* a gap (something was lost) costs as much as a message that was displaced;
* a message that was displaced costs little if its time of sending agrees;
* a final order that goes against the times of sending is dearer the more it
  does: threads that race send within moments;
* a node that is left at work when nothing more comes makes an explanation
  less likely.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from ironic_async_events.audit import links
from ironic_async_events.audit import machine

GAP = 2.0
MOVED = 2.0
#: Moved, and the times of sending say the same.
MOVED_IN_TIME = 0.5
#: The node seems to have been deleted and created again, unannounced.
REBORN = 2.0
#: The final order goes against the times, by moments or by more.
AGAINST_TIME = 1.0
FAR_AGAINST_TIME = 2.5
MOMENT = 2.0
#: Nothing more comes, and the node is still at work.
AT_WORK = 1.5

#: A message is not looked for further away than this.
_REACH = 4
#: Explanations that are tried before the best one so far is taken.
_BUDGET = 150


class Explanation(NamedTuple):
    """An order of links.

    :param order: indices into the held, in the order of the states.
    :param moved: the indices that were displaced, as few as possible.
    :param price: what it costs.
    """

    order: tuple[int, ...]
    moved: frozenset[int]
    price: float


def _joint(
    ends: links.States | None, last: links.Link | None, nxt: links.Link
) -> float:
    """Price what lies between two links."""
    price = 0.0
    if not links.fits(ends, nxt):
        price = REBORN if links.reborn(ends, nxt) else GAP
    if last is not None:
        late = links.against_time(last.seen, nxt.seen)
        if late:
            price += AGAINST_TIME if late <= MOMENT else FAR_AGAINST_TIME
    return price


def displaced(order: Sequence[int]) -> frozenset[int]:
    """Return the fewest indices whose removal leaves an ascending order.

    :param order: a permutation.
    :returns: the indices that were displaced, late ones before early ones.
    """
    runs: list[tuple[int, ...]] = []
    for index in order:
        longest = max(
            (run for run in reversed(runs) if run[-1] < index),
            key=len,
            default=(),
        )
        runs.append((*longest, index))
    # Of equally long runs the last one keeps what arrived first.
    best: tuple[int, ...] = ()
    for run in runs:
        if len(run) >= len(best):
            best = run
    return frozenset(order) - frozenset(best)


def _price_of_moves(order: Sequence[int], held: Sequence[links.Link]) -> float:
    price = 0.0
    places = {index: place for place, index in enumerate(order)}
    for moved in displaced(order):
        supported = False
        for other in range(len(held)):
            if other == moved:
                continue
            one, two = sorted((moved, other))
            arrived = links.against_time(held[one].seen, held[two].seen)
            supported = supported or bool(arrived)
            if places[one] > places[two]:
                one, two = two, one
            if links.against_time(held[one].seen, held[two].seen):
                supported = False
                break
        price += MOVED_IN_TIME if supported else MOVED
    return price


def explain(
    ends: links.States | None, held: Sequence[links.Link], final: bool
) -> Explanation:
    """Find the cheapest order of links.

    :param ends: the states of the chain before them; None if unknown.
    :param held: the links in the order of arrival; no more than eight or so.
    :param final: True if nothing more is to be expected.
    :returns: the best explanation.
    """
    search = _Search(held, final)
    price = 0.0
    here, last = ends, None
    for nxt in held:
        price += _joint(here, last, nxt)
        here, last = links.leads(here, nxt), nxt
    if price:
        search.best_price = price + search.rest(last)
        for order in _likely(held):
            search.try_order(ends, order)
        search.descend(ends, None, [], 0.0)
    return Explanation(search.best, displaced(search.best), search.best_price)


def _likely(held: Sequence[links.Link]) -> Iterator[list[int]]:
    """Yield orders to try first, so that much need not be tried at all."""
    count = len(held)
    arrived = list(range(count))
    yield sorted(arrived, key=lambda index: held[index].seen.time or 0.0)
    for index in range(count):
        rest = arrived[:index] + arrived[index + 1 :]
        nearest = range(max(0, index - _REACH), index + _REACH + 1)
        for place in nearest[: count - nearest.start]:
            yield [*rest[:place], index, *rest[place:]]


class _Search:
    """Depth first, cheapest joint first, cut where it gets too dear."""

    def __init__(self, held: Sequence[links.Link], final: bool) -> None:
        self.held = held
        self.final = final
        self.best = tuple(range(len(held)))
        self.best_price = 0.0
        self.budget = _BUDGET

    def rest(self, last: links.Link | None) -> float:
        """Price what is left when the order ends with a link."""
        if not self.final or last is None:
            return 0.0
        seen = last.seen
        at_work = machine.is_unstable(last.after[-1], seen.status)
        return AT_WORK if at_work else 0.0

    def try_order(
        self, ends: links.States | None, order: Sequence[int]
    ) -> None:
        """Price one order, and keep it if it is the best so far."""
        price, last = 0.0, None
        for index in order:
            nxt = self.held[index]
            price += _joint(ends, last, nxt)
            if price >= self.best_price:
                return
            ends, last = links.leads(ends, nxt), nxt
        price += self.rest(last) + _price_of_moves(order, self.held)
        if price < self.best_price:
            self.best, self.best_price = tuple(order), price

    def descend(
        self,
        ends: links.States | None,
        last: links.Link | None,
        order: list[int],
        price: float,
    ) -> None:
        """Try every continuation of an order that may still win."""
        if len(order) == len(self.held):
            price += self.rest(last) + _price_of_moves(order, self.held)
            if price < self.best_price:
                self.best, self.best_price = tuple(order), price
            return
        waiting = [i for i in range(len(self.held)) if i not in order]
        choices = sorted(
            (_joint(ends, last, self.held[i]), i)
            for i in waiting
            if i <= waiting[0] + _REACH
        )
        for joint, i in choices:
            self.budget -= 1
            least = price + joint + (MOVED_IN_TIME if i > waiting[0] else 0)
            if least >= self.best_price or self.budget < 0:
                # What follows is dearer, but for the order of arrival.
                continue
            order.append(i)
            nxt = self.held[i]
            after = links.leads(ends, nxt)
            self.descend(after, nxt, order, price + joint)
            order.pop()
