# SPDX-License-Identifier: Apache-2.0
"""Publishing side by side what needs no order among itself.

Each confirmation takes a round trip to the bus, most of which is waiting.
Messages about one subject stay in one lane, where each waits for the
confirmation of the one before.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools
import queue
import threading

from ironic_async_events.outbox import publisher
from ironic_async_events.outbox import store

#: The threads' names begin like this.
THREAD = 'async-events-relay'


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    :param row: the message
    :param error: how it was refused; None when it was confirmed
    """

    row: store.Row
    error: Exception | None


class Lane:
    """Publishes messages one after the other.

    :param publish: publishes one message and waits for the confirmation
    """

    def __init__(self, publish: Callable[[str], None]) -> None:
        self._publish = publish

    def go(
        self, rows: Sequence[store.Row], may: Callable[[], bool], again: bool
    ) -> Iterator[Outcome]:
        """Publish messages in their order.

        After one that was refused, the others about its subject are left out.

        :param rows: the messages
        :param may: asked before each of them
        :param again: whether one that is refused is tried twice: a
            connection that broke while nobody used it is found out by the
            first to use it
        :returns: what became of each that was tried, one by one
        """
        refused: set[str] = set()
        for row in rows:
            if row.subject in refused:
                continue
            if not may():
                return
            error = self._try(row)
            if (
                again
                and error is not None
                and not publisher.is_own_fault(error)
            ):
                error = self._try(row)
            if error is not None:
                refused.add(row.subject)
                again = False
            yield Outcome(row, error)

    def _try(self, row: store.Row) -> Exception | None:
        try:
            self._publish(row.body)
        except Exception as e:
            return e
        return None


class Lanes:
    """Some lanes, each with a thread of its own. Used by the relay's thread.

    :param publish: publishes one message and waits for the confirmation;
        called by several threads
    :param count: how many lanes
    """

    def __init__(self, publish: Callable[[str], None], count: int) -> None:
        self._lane = Lane(publish)
        self._count = count
        # Those that were needed so far; each has a connection to the bus.
        self._queues: list[queue.Queue[Callable[[], None] | None]] = []

    def go(
        self,
        rows: Sequence[store.Row],
        may: Callable[[], bool],
        again: bool,
        patience: Callable[[], float],
    ) -> Iterator[Outcome | None]:
        """Publish messages, those about one subject in their order.

        :param rows: the messages
        :param may: asked before each of them, by the threads of the lanes
        :param again: whether one that is refused is tried twice
        :param patience: returns for how many seconds the caller can wait
        :returns: what became of each that was tried, one by one; None where
            the caller's patience is over
        """
        outcomes: queue.Queue[Outcome | None] = queue.Queue()

        def drive(these: Sequence[store.Row]) -> None:
            try:
                for one in self._lane.go(these, may, again):
                    outcomes.put(one)
            finally:
                outcomes.put(None)

        shares = self._shares(rows)
        while len(self._queues) < len(shares):
            self._queues.append(self._start())
        for lane, share in zip(self._queues, shares, strict=False):
            lane.put(functools.partial(drive, share))
        running = len(shares)
        while running:
            try:
                one = outcomes.get(timeout=max(0.01, patience()))
            except queue.Empty:
                yield None
                continue
            if one is None:
                running -= 1
            else:
                yield one

    def end(self) -> None:
        """Let the threads end."""
        for one in self._queues:
            one.put(None)

    def _shares(self, rows: Sequence[store.Row]) -> list[list[store.Row]]:
        """Divide messages among lanes, no more of them than subjects."""
        by_subject: dict[str, list[store.Row]] = {}
        for row in rows:
            by_subject.setdefault(row.subject, []).append(row)
        shares: list[list[store.Row]] = [
            [] for _ in range(min(self._count, len(by_subject)))
        ]
        for those in by_subject.values():
            min(shares, key=len).extend(those)
        return shares

    def _start(self) -> 'queue.Queue[Callable[[], None] | None]':
        tasks: queue.Queue[Callable[[], None] | None] = queue.Queue()
        # A daemon: a bus that does not answer must not keep the process.
        threading.Thread(
            target=self._run, args=(tasks,), name=THREAD, daemon=True
        ).start()
        return tasks

    @staticmethod
    def _run(tasks: 'queue.Queue[Callable[[], None] | None]') -> None:
        while (task := tasks.get()) is not None:
            task()
