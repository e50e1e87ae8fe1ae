# SPDX-License-Identifier: Apache-2.0
"""Lost or out of order? Find the cheapest explanation.

A notification does not fit when its previous state is not the state of the
node. Either its predecessor was lost, or the notification has overtaken it.
The next few notifications decide: when they can be sorted so that every state
follows from the state before, overtaking is the better explanation, unless a
single loss explains them more simply.

Every explanation has a price, and the cheapest explanation wins. Of equal
prices, the order of arrival wins.
"""

from collections.abc import Iterator
from collections.abc import Sequence

from ironic_async_events.audit import links
from ironic_async_events.audit import machine

#: A loss costs as much as a displaced message.
GAP = 2.0
MOVED = 2.0
#: Displaced, and the times of sending agree.
MOVED_IN_TIME = 0.5
#: The node was probably deleted and created again, without notifications.
REBORN = 2.0
#: The order contradicts the times of sending, by a moment or by more: threads
#: that race send within moments.
AGAINST_TIME = 1.0
FAR_AGAINST_TIME = 2.5
MOMENT = 2.0
#: No more message comes, and the node is still at work.
AT_WORK = 1.5

#: A message is moved by at most this many places.
_REACH = 4

#: Indices of links in the order of arrival, in the order of the states.
Order = tuple[int, ...]
Held = Sequence[links.Link]


def explain(ends: links.Ends, held: Held, final: bool) -> Order:
    """Find the cheapest order of links.

    Moves one link after the other, as long as the price falls.

    :param held: the links in the order of arrival, about eight at most.
    :param final: True if no more message will come.
    """
    best = tuple(range(len(held)))
    lowest = _price_of_joints(ends, held, best)
    if not lowest:
        return best
    lowest += _price_of_rest(held, best, final)

    def price(order: Order) -> float:
        whole = _price_of_joints(ends, held, order, lowest)
        if whole < lowest:
            whole += _price_of_rest(held, order, final)
            whole += _price_of_moves(held, order)
        return whole

    by_time = sorted(best, key=lambda index: held[index].seen.time or 0.0)
    cheapest = min((tuple(by_time), *_moves(best)), key=price)
    while price(cheapest) < lowest:
        best, lowest = cheapest, price(cheapest)
        cheapest = min(_moves(best), key=price)
    return best


def displaced(order: Order) -> frozenset[int]:
    """Return the fewest indices whose removal leaves an ascending order."""
    runs: list[Order] = []
    for index in order:
        longest = max(
            (run for run in reversed(runs) if run[-1] < index),
            key=len,
            default=(),
        )
        runs.append((*longest, index))
    # Of equally long runs the last run keeps the order of arrival.
    best = max(reversed(runs), key=len, default=())
    return frozenset(order) - frozenset(best)


def _moves(order: Order) -> Iterator[Order]:
    """Yield the orders in which one link has another place."""
    for at, index in enumerate(order):
        rest = order[:at] + order[at + 1 :]
        for place in range(max(0, at - _REACH), at + _REACH + 1):
            if place != at and place < len(order):
                yield (*rest[:place], index, *rest[place:])


def _price_of_joints(
    ends: links.Ends, held: Held, order: Order, limit: float = float('inf')
) -> float:
    """Return the price of the gaps, and of what contradicts the times."""
    price, last = 0.0, None
    for index in order:
        if price >= limit:
            break
        nxt = held[index]
        if not nxt.fits(ends):
            price += REBORN if nxt.reborn(ends) else GAP
        if last is not None and (
            late := links.against_time(last.seen, nxt.seen)
        ):
            price += AGAINST_TIME if late <= MOMENT else FAR_AGAINST_TIME
        ends, last = nxt.leads(ends), nxt
    return price


def _price_of_rest(held: Held, order: Order, final: bool) -> float:
    """Return the price of a node that is left at work."""
    last = held[order[-1]]
    at_work = machine.is_unstable(last.after[-1], last.seen.status)
    return AT_WORK if final and at_work else 0.0


def _price_of_moves(held: Held, order: Order) -> float:
    """Return the price of the displaced links."""

    def agrees(order: Order, moved: int) -> bool:
        """Whether the place of a link agrees with all times of sending."""
        place = order.index(moved)
        return not any(
            links.against_time(held[one].seen, held[two].seen)
            for one, two in (
                *((earlier, moved) for earlier in order[:place]),
                *((moved, later) for later in order[place + 1 :]),
            )
        )

    arrived = tuple(range(len(held)))
    return sum(
        MOVED_IN_TIME
        if agrees(order, moved) and not agrees(arrived, moved)
        else MOVED
        for moved in displaced(order)
    )
