# SPDX-License-Identifier: Apache-2.0
"""Publish the messages about one subject one after the other."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

from ironic_async_events.outbox.message import Unreadable
from ironic_async_events.outbox.stored import Row

#: A publication without an answer for this many seconds hangs.
HANGS = 0.25

_NEVER = float('inf')


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a message.

    :param row: the message
    :param error: the refusal; None when the message was confirmed
    :param is_last: whether its train has ended with it
    :param hung: whether the publication hung before
    """

    row: Row
    error: Exception | None
    is_last: bool
    hung: bool = False


@dataclasses.dataclass(slots=True, eq=False)
class Train:
    """Messages about one subject to one destination, in their order.

    :param rows: the messages
    :param may: asked before each message
    :param again: asked when a message is refused: whether to retry it at
        once, because only use shows that an idle connection is broken
    :param clock: tells the time, in seconds
    :param since: when the publication under way began; its lane sets it
    """

    rows: list[Row]
    may: Callable[[], bool]
    again: Callable[[], bool]
    clock: Callable[[], float]
    since: float = _NEVER

    @property
    def subject(self) -> str:
        """What the messages are about."""
        return self.rows[0].subject

    @property
    def destination(self) -> str:
        """Where the messages are published."""
        return self.rows[0].destination

    def go(self, publish: Callable[[str], None]) -> Iterator[Outcome]:
        """Publish the messages until one is refused. Called by a lane.

        :param publish: publishes a message and waits for the confirmation
        :returns: the outcome of each message that was tried
        """
        for row in self.rows:
            if not self.may():
                return
            self.since = self.clock()
            error = _error(publish, row)
            hung = self.seconds() >= HANGS
            if (
                error is not None
                and not hung
                and not isinstance(error, Unreadable)
                and self.again()
            ):
                self.since = self.clock()
                error = _error(publish, row)
                hung = self.seconds() >= HANGS
            self.since = _NEVER
            is_last = error is not None or row is self.rows[-1]
            yield Outcome(row, error, is_last, hung)
            if is_last:
                return

    def seconds(self) -> float:
        """Return for how long the publication under way has no answer."""
        return self.clock() - self.since


def _error(publish: Callable[[str], None], row: Row) -> Exception | None:
    try:
        publish(row.body)
    except Exception as e:
        return e
    return None


def form(
    rows: Sequence[Row],
    may: Callable[[], bool],
    again: Callable[[], bool],
    clock: Callable[[], float],
) -> list[Train]:
    """Form trains; a train ends where the destination changes.

    :param rows: the messages; what is left over goes in no train
    :param may: see :class:`Train`
    :param again: likewise
    :param clock: likewise
    """
    trains: dict[str, Train] = {}
    cut = set()
    for row in rows:
        train = trains.get(row.subject)
        if train is None:
            trains[row.subject] = Train([row], may, again, clock)
        elif train.destination != row.destination:
            cut.add(row.subject)
        elif row.subject not in cut:
            train.rows.append(row)
    return list(trains.values())
