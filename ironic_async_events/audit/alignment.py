# SPDX-License-Identifier: Apache-2.0
"""Lost or out of order? Find the cheapest explanation.

A notification does not fit when its previous state is not the state of the
node. Either its predecessor was lost, or the notification has overtaken it.
The next few notifications decide: when they can be sorted so that every state
follows from the state before, overtaking is the better explanation, unless a
single loss explains them more simply.

Every explanation has a price, and the cheapest explanation wins. Of equal
prices, the order of arrival wins. The prices:

* a gap (a loss) costs as much as a displaced message;
* a displaced message costs little when its time of sending agrees;
* an order against the times of sending costs more, the larger the difference:
  threads that race send within moments;
* an order after which the node is still at work, although no more message
  comes, costs extra.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from ironic_async_events.audit import links
from ironic_async_events.audit import machine

GAP = 2.0
MOVED = 2.0
#: Displaced, and the times of sending agree.
MOVED_IN_TIME = 0.5
#: The node was probably deleted and created again, without notifications.
REBORN = 2.0
#: The order contradicts the times of sending, by a moment or by more.
AGAINST_TIME = 1.0
FAR_AGAINST_TIME = 2.5
MOMENT = 2.0
#: No more message comes, and the node is still at work.
AT_WORK = 1.5

#: A message is moved by at most this many places.
_REACH = 4
#: After this many steps the search returns the best explanation so far.
_BUDGET = 150


class Explanation(NamedTuple):
    """An order of links, with its price.

    :param order: indices of the held links, in the order of the states.
    :param moved: the indices that were displaced, as few as possible.
    :param price: the price.
    """

    order: tuple[int, ...]
    moved: frozenset[int]
    price: float


def _joint(
    ends: links.States | None, last: links.Link | None, nxt: links.Link
) -> float:
    """Return the price of putting a link after another link."""
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
    :returns: the indices that were displaced.
    """
    runs: list[tuple[int, ...]] = []
    for index in order:
        longest = max(
            (run for run in reversed(runs) if run[-1] < index),
            key=len,
            default=(),
        )
        runs.append((*longest, index))
    # Of equally long runs the last run keeps the order of arrival.
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

    :param ends: the states of the chain before the links; None if unknown.
    :param held: the links in the order of arrival, about eight at most.
    :param final: True if no more message will come.
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
    """Yield likely orders: a good first price cuts the search."""
    count = len(held)
    arrived = list(range(count))
    yield sorted(arrived, key=lambda index: held[index].seen.time or 0.0)
    for index in range(count):
        rest = arrived[:index] + arrived[index + 1 :]
        nearest = range(max(0, index - _REACH), index + _REACH + 1)
        for place in nearest[: count - nearest.start]:
            yield [*rest[:place], index, *rest[place:]]


class _Search:
    """Search depth first, cheapest joint first; cut what is too expensive."""

    def __init__(self, held: Sequence[links.Link], final: bool) -> None:
        self.held = held
        self.final = final
        self.best = tuple(range(len(held)))
        self.best_price = 0.0
        self.budget = _BUDGET

    def rest(self, last: links.Link | None) -> float:
        """Return the price of an order that ends with this link."""
        if not self.final or last is None:
            return 0.0
        seen = last.seen
        at_work = machine.is_unstable(last.after[-1], seen.status)
        return AT_WORK if at_work else 0.0

    def try_order(
        self, ends: links.States | None, order: Sequence[int]
    ) -> None:
        """Keep an order if its price is the lowest so far."""
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
        """Try every continuation of an order that can still win."""
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
                # Later choices cost more, except for the order of arrival.
                continue
            order.append(i)
            nxt = self.held[i]
            after = links.leads(ends, nxt)
            self.descend(after, nxt, order, price + joint)
            order.pop()
