# SPDX-License-Identifier: Apache-2.0
"""Publish unrelated messages in parallel.

Each confirmation takes a round trip to the bus, which is mostly waiting. The
messages about one subject form a train. One lane publishes a train, each
message after the confirmation of the message before. A publication that hangs
blocks its train and its lane; the other lanes go on.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import queue
import threading

from ironic_async_events.outbox.message import Unreadable
from ironic_async_events.outbox.stored import Row

#: The threads' names begin like this.
THREAD = 'async-events-relay'


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a message.

    :param row: the message
    :param error: the refusal; None when the message was confirmed
    :param is_last: whether its train has ended with it
    """

    row: Row
    error: Exception | None
    is_last: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Train:
    """Messages about one subject, in their order.

    :param subject: the subject
    :param rows: the messages
    :param may: asked before each message
    :param again: asked when a message is refused: whether to retry it at
        once, because only use shows that an idle connection is broken
    """

    subject: str
    rows: Sequence[Row]
    may: Callable[[], bool]
    again: Callable[[], bool]

    def go(self, publish: Callable[[str], None]) -> Iterator[Outcome]:
        """Publish the messages until one is refused.

        :param publish: publishes a message and waits for the confirmation
        :returns: the outcome of each message that was tried
        """
        for row in self.rows:
            if not self.may():
                return
            error = _error(publish, row)
            if (
                error is not None
                and not isinstance(error, Unreadable)
                and self.again()
            ):
                error = _error(publish, row)
            is_last = error is not None or row is self.rows[-1]
            yield Outcome(row, error, is_last)
            if is_last:
                return


def _error(publish: Callable[[str], None], row: Row) -> Exception | None:
    try:
        publish(row.body)
    except Exception as e:
        return e
    return None


class Lanes:
    """Publishes with several threads. Used by the relay's thread.

    :param publish: publishes one message and waits for the confirmation;
        called by several threads
    :param count: how many lanes
    """

    def __init__(self, publish: Callable[[str], None], count: int) -> None:
        self._publish = publish
        self._count = count
        # Threads that were needed so far; each has a connection to the bus.
        self._threads = 0
        self._trains: queue.Queue[Train | None] = queue.Queue()
        # Outcomes, and the subject of a train that ended without a last one.
        self._outcomes: queue.Queue[Outcome | str] = queue.Queue()
        self._busy: set[str] = set()

    @property
    def busy(self) -> Collection[str]:
        """The subjects with messages whose outcome is not known."""
        return self._busy

    @property
    def are_full(self) -> bool:
        """Whether no lane is free."""
        return len(self._busy) >= self._count

    def go(
        self,
        rows: Sequence[Row],
        may: Callable[[], bool],
        again: Callable[[], bool],
        patience: Callable[[], float],
    ) -> Generator[Outcome | None, None, None]:
        """Publish messages, in order for each subject.

        Outcomes of earlier calls are returned as well. When the iterator is
        closed before its end, a publication that hangs goes on, and a train
        that has not begun is left out.

        :param rows: the messages, about no subject that is busy
        :param may: asked before each message, by the threads of the lanes
        :param again: asked when a message is refused, likewise
        :param patience: returns for how many seconds the caller can wait
        :returns: the outcome of each message that was tried; None where the
            caller's patience is over
        """
        trains: dict[str, list[Row]] = {}
        for row in rows:
            trains.setdefault(row.subject, []).append(row)
        self._busy |= trains.keys()
        for subject, train in trains.items():
            self._trains.put(Train(subject, train, may, again))
        while self._threads < min(self._count, len(self._busy)):
            self._start()
        try:
            while True:
                waits = not self._busy.isdisjoint(trains)
                try:
                    outcome = self._outcomes.get(
                        timeout=patience() if waits else 0
                    )
                except queue.Empty:
                    if not waits:
                        return
                    yield None
                    continue
                if not isinstance(outcome, Outcome):
                    self._busy.discard(outcome)
                    continue
                if outcome.is_last:
                    self._busy.discard(outcome.row.subject)
                yield outcome
        finally:
            self._recall()

    def end(self) -> None:
        """Let the threads end."""
        for _ in range(self._threads):
            self._trains.put(None)

    def _recall(self) -> None:
        """Take back the trains that have not begun."""
        with contextlib.suppress(queue.Empty):
            while (train := self._trains.get_nowait()) is not None:
                self._busy.discard(train.subject)

    def _start(self) -> None:
        self._threads += 1
        # A daemon: a bus that does not answer must not keep the process.
        threading.Thread(target=self._run, name=THREAD, daemon=True).start()

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
