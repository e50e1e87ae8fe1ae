# SPDX-License-Identifier: Apache-2.0
"""Publish unrelated messages in parallel.

Each confirmation takes a round trip to the bus, which is mostly waiting. The
messages about one subject form a train. One lane, which is a thread, publishes
a train, each message after the confirmation of the message before.

A publication without an answer *hangs*. It blocks its train, and another
thread takes the place of its lane. So there is always a lane that does not
hang. What hangs is bounded, because each publication has a connection: the
messages to one destination may hang in half of what the others leave free, so
one destination that hangs leaves room for the next.
"""

import collections
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import queue
import threading

from ironic_async_events.outbox import trains
from ironic_async_events.outbox.stored import Row
from ironic_async_events.outbox.trains import HANGS
from ironic_async_events.outbox.trains import Outcome
from ironic_async_events.outbox.trains import Train

#: The threads' names begin like this.
THREAD = 'async-events-relay'

# How many publications may hang, in all. With the lanes that is less than
# rpc_conn_pool_size of oslo.messaging, which is 30.
_MOST = 24


class Lanes:
    """Publishes with several threads. Used by the relay's thread.

    :param publish: publishes one message and waits for the confirmation;
        called by several threads
    :param count: how many lanes that do not hang
    :param clock: tells the time, in seconds; called by several threads
    :param most: how many publications may hang; each destination may have one
        all the same
    """

    def __init__(
        self,
        publish: Callable[[str], None],
        count: int,
        clock: Callable[[], float],
        most: int = _MOST,
    ) -> None:
        self._publish = publish
        self._count = count
        self._clock = clock
        self._most = most
        # Threads that were needed so far; each has a connection to the bus.
        self._threads = 0
        self._trains: queue.Queue[Train | None] = queue.Queue()
        # Outcomes, and the subject of a train that ended without a last one.
        self._outcomes: queue.Queue[Outcome | str] = queue.Queue()
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
            if train.seconds() >= HANGS
        )

    @property
    def closed(self) -> set[str]:
        """The destinations for which no more publications may hang."""
        hanging = self.hanging
        return {x for x in hanging if hanging[x] >= self._limit(x, hanging)}

    def _limit(
        self, destination: str, hanging: collections.Counter[str]
    ) -> int:
        others = hanging.total() - hanging[destination]
        return max(1, (self._most - others) // 2)

    def go(
        self,
        rows: Sequence[Row],
        may: Callable[[], bool],
        again: Callable[[], bool],
        share: int = 1,
    ) -> Iterator[Outcome | None]:
        """Publish messages, in order for each subject.

        Ends when all publications have ended or hang. Outcomes of
        publications that hung in earlier calls are returned as well.

        :param rows: the messages, about no subject that is busy
        :param may: asked before each message, by the threads of the lanes
        :param again: asked when a message is refused, likewise
        :param share: use only one of so many lanes
        :returns: the outcome of each message that was tried; None from time
            to time, for what the caller has to do meanwhile
        """
        left = trains.form(rows, may, again, self._clock)
        begun: set[Train] = set()
        before = self.hanging
        while self._threads - before.total() > self._count:
            # What hung has ended.
            self._threads -= 1
            self._trains.put(None)
        while True:
            if left:
                left = self._hand_over(left, begun, before, share)
            seconds = [
                max(0.0, train.seconds())
                for train in self._busy.values()
                if train in begun and train.seconds() < HANGS
            ]
            try:
                outcome = self._outcomes.get(
                    timeout=max(0.01, HANGS - max(seconds)) if seconds else 0
                )
            except queue.Empty:
                if not seconds:
                    return
                yield None
                continue
            if not isinstance(outcome, Outcome):
                del self._busy[outcome]
                continue
            if outcome.is_last:
                del self._busy[outcome.row.subject]
            yield outcome

    def end(self) -> None:
        """Let the threads end."""
        for _ in range(self._threads):
            self._trains.put(None)

    def _hand_over(
        self,
        left: list[Train],
        begun: set[Train],
        before: collections.Counter[str],
        share: int,
    ) -> list[Train]:
        """Hand trains over to lanes that are free.

        :param left: the trains
        :param begun: the trains that were handed over are added here
        :param before: what hung before; where more hangs, no train begins
        :param share: use only one of so many lanes
        :returns: the trains that are left
        """
        hanging = self.hanging
        running = len(self._busy) - hanging.total()
        under_way = collections.Counter(
            train.destination for train in self._busy.values()
        )
        stay: list[Train] = []
        for place, train in enumerate(left):
            if running >= max(1, self._count // share):
                return stay + left[place:]
            to = train.destination
            if hanging[to] > before[to] or (
                hanging
                and under_way[to]
                >= max(1, self._limit(to, under_way) // share)
            ):
                stay.append(train)
                continue
            while self._threads <= len(self._busy):
                self._start()
            self._busy[train.subject] = train
            under_way[to] += 1
            running += 1
            begun.add(train)
            train.since = self._clock()
            self._trains.put(train)
        return stay

    def _start(self) -> None:
        # A daemon: a bus that does not answer must not keep the process.
        threading.Thread(target=self._run, name=THREAD, daemon=True).start()
        self._threads += 1

    def _run(self) -> None:
        while (train := self._trains.get()) is not None:
            has_ended = False
            try:
                for outcome in train.go(self._publish):
                    has_ended = outcome.is_last
                    self._outcomes.put(outcome)
            finally:
                if not has_ended:
                    self._outcomes.put(train.subject)
