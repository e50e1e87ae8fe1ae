# SPDX-License-Identifier: Apache-2.0
"""Publish unrelated messages in parallel.

Each confirmation takes a round trip to the bus, which is mostly waiting. The
messages about one subject form a train. One lane, which is a thread, publishes
a train, each message after the confirmation of the message before.

A publication without an answer *hangs*. Another thread takes the place of its
lane, so there is always a lane that does not hang. What hangs is bounded,
because each publication has a connection: the messages to one destination may
hang in half of what the others leave free.
"""

import collections
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import queue
import threading

from ironic_async_events.outbox.stored import Row

#: The threads' names begin like this.
THREAD = 'async-events-relay'
#: A publication without an answer for this many seconds hangs.
HANGS = 0.25

# How many publications may hang, in all; each destination may have one all the
# same. With the lanes by default that is less than rpc_conn_pool_size of
# oslo.messaging, which is 30.
_MOST = 24
_NEVER = float('inf')

#: A message, its refusal if it was refused, and whether it hung before.
Outcome = tuple[Row, Exception | None, bool]


@dataclasses.dataclass(slots=True, eq=False)
class Train:
    """Messages about one subject, in their order.

    :param destination: of the first; a message to another ends the train
    :param may: asked before each message
    :param since: when the publication under way began
    """

    subject: str
    destination: str
    may: Callable[[], bool]
    rows: list[Row] = dataclasses.field(default_factory=list)
    since: float = _NEVER


class Lanes:
    """Publishes with several threads. Used by the relay's thread.

    :param count: how many lanes that do not hang
    """

    def __init__(
        self,
        publish: Callable[[str], None],
        count: int,
        clock: Callable[[], float],
    ) -> None:
        self._publish = publish
        self._count = count
        self._clock = clock
        # Threads that were needed so far; each has a connection to the bus.
        self._threads = 0
        self._trains: queue.Queue[Train | None] = queue.Queue()
        # Without an outcome the train has ended.
        self._outcomes: queue.Queue[tuple[Train, Outcome | None]] = (
            queue.Queue()
        )
        # The trains under way, by subject.
        self._busy: dict[str, Train] = {}

    @property
    def busy(self) -> Collection[str]:
        """The subjects with messages whose outcome is not known."""
        return self._busy.keys()

    @property
    def hanging(self) -> collections.Counter[str]:
        """How many publications hang, by destination."""
        return collections.Counter(
            train.destination
            for train in self._busy.values()
            if self._seconds(train) >= HANGS
        )

    @property
    def closed(self) -> set[str]:
        """The destinations for which no more publications may hang."""
        hanging = self.hanging
        return {x for x in hanging if hanging[x] >= _limit(x, hanging)}

    def go(
        self, rows: Sequence[Row], may: Callable[[], bool], share: int = 1
    ) -> Iterator[Outcome | None]:
        """Publish messages, in order for each subject.

        Ends when all publications have ended or hang. Outcomes of
        publications that hung in earlier calls are returned as well.

        :param rows: the messages, about no subject that is busy
        :param may: asked before each message, also by the threads of the lanes
        :param share: use only one of so many lanes
        :returns: the outcome of each message that was tried; None from time
            to time, for what the caller has to do meanwhile
        """
        trains: dict[str, Train] = {}
        for row in rows:
            train = Train(row.subject, row.destination, may)
            trains.setdefault(row.subject, train).rows.append(row)
        left = [*trains.values()]
        while self._threads - self.hanging.total() > self._count:
            # What hung has ended.
            self._threads -= 1
            self._trains.put(None)
        while True:
            left = self._hand_over(left, share) if left and may() else []
            seconds = [
                max(0.0, since)
                for since in map(self._seconds, self._busy.values())
                if since < HANGS
            ]
            try:
                train, outcome = self._outcomes.get(
                    timeout=max(0.01, HANGS - max(seconds)) if seconds else 0
                )
            except queue.Empty:
                if not seconds:
                    return
                yield None
                continue
            if outcome is None:
                del self._busy[train.subject]
            else:
                yield outcome

    def end(self) -> None:
        """Let the threads end."""
        for _ in range(self._threads):
            self._trains.put(None)

    def _seconds(self, train: Train) -> float:
        """Return for how long the publication under way has no answer."""
        return self._clock() - train.since

    def _hand_over(self, left: list[Train], share: int) -> list[Train]:
        """Hand trains over to lanes that are free, and return the others."""
        hanging = self.hanging.total()
        free = max(1, self._count // share) + hanging - len(self._busy)
        under_way = collections.Counter(
            train.destination for train in self._busy.values()
        )
        stay: list[Train] = []
        for place, train in enumerate(left):
            if free <= 0:
                return stay + left[place:]
            to = train.destination
            if hanging and (
                under_way[to] >= max(1, _limit(to, under_way) // share)
            ):
                stay.append(train)
                continue
            while self._threads <= len(self._busy):
                self._start()
            self._busy[train.subject] = train
            under_way[to] += 1
            free -= 1
            train.since = self._clock()
            self._trains.put(train)
        return stay

    def _start(self) -> None:
        # A daemon: a bus that does not answer must not keep the process.
        threading.Thread(target=self._run, name=THREAD, daemon=True).start()
        self._threads += 1

    def _run(self) -> None:
        while (train := self._trains.get()) is not None:
            try:
                for outcome in self._publish_some(train):
                    self._outcomes.put((train, outcome))
            finally:
                self._outcomes.put((train, None))

    def _publish_some(self, train: Train) -> Iterator[Outcome]:
        """Publish until a message is refused or has another destination."""
        for row in train.rows:
            if row.destination != train.destination or not train.may():
                return
            train.since = self._clock()
            error = None
            try:
                self._publish(row.body)
            except Exception as e:
                error = e
            hung = self._seconds(train) >= HANGS
            train.since = _NEVER
            yield row, error, hung
            if error is not None:
                return


def _limit(destination: str, hanging: collections.Counter[str]) -> int:
    others = hanging.total() - hanging[destination]
    return max(1, (_MOST - others) // 2)
