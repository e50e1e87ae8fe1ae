# SPDX-License-Identifier: Apache-2.0
"""Time and threads that the test controls.

A simulated thread is a greenlet. Only one runs at a time, until it waits, and
time passes only while all of them wait: a run is repeated exactly.
"""

import collections
from collections.abc import Callable
import dataclasses
import heapq
import itertools
import queue
from typing import Any

import greenlet

# Sums of times are not exact.
_ROUNDING = 1e-6


@dataclasses.dataclass(eq=False)
class Sleeper:
    """A thread that waits.

    :param thread: the thread
    :param process: the process that it belongs to
    :param awake: whether it was woken already
    """

    thread: greenlet.greenlet
    process: str
    awake: bool = False


class World:
    """A clock, and the threads that wait for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.frozen: set[str] = set()
        self._dead: set[greenlet.greenlet] = set()
        self._main = greenlet.getcurrent()
        self._process_of: dict[greenlet.greenlet, str] = {}
        self._due: list[tuple[float, int, Sleeper]] = []
        self._held: list[Sleeper] = []
        self._number = itertools.count()

    def clock(self) -> float:
        """Return what time it is."""
        return self.now

    def process(self) -> str:
        """Return the process of the thread that runs."""
        return self._process_of[greenlet.getcurrent()]

    def spawn(self, process: str, target: Callable[[], object]) -> None:
        """Start a thread.

        :param process: the process that it belongs to
        :param target: what it runs
        """
        thread = greenlet.greenlet(lambda _: target(), self._main)
        self._process_of[thread] = process
        self._at(self.now, Sleeper(thread, process))

    def kill(self, process: str) -> None:
        """End all threads of a process where they are."""
        self._dead |= {
            thread
            for thread, name in self._process_of.items()
            if name == process
        }
        self.thaw(process)

    def freeze(self, process: str) -> None:
        """Stop all threads of a process where they are."""
        self.frozen.add(process)

    def thaw(self, process: str) -> None:
        """Let the threads of a process go on."""
        self.frozen.discard(process)
        held, self._held = self._held, []
        for sleeper in held:
            self._at(self.now, sleeper)

    def sleeper(self, seconds: float | None = None) -> Sleeper:
        """Have the thread that runs wait next.

        :param seconds: how long at most
        """
        thread = greenlet.getcurrent()
        sleeper = Sleeper(thread, self._process_of[thread])
        if seconds is not None:
            self._at(self.now + seconds + _ROUNDING, sleeper)
        return sleeper

    def wait(self) -> None:
        """Let others run until the thread is woken. Called by threads."""
        self._main.switch()

    def let_pass(self, seconds: float) -> None:
        """Wait for some time. Called by threads."""
        self.sleeper(seconds)
        self.wait()

    def wake(self, sleeper: Sleeper) -> None:
        """Let a thread go on."""
        self._at(self.now, sleeper)

    def run_for(self, seconds: float) -> None:
        """Let time pass. Called by the test."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            time, _, sleeper = heapq.heappop(self._due)
            if sleeper.awake or sleeper.thread in self._dead:
                continue
            self.now = time
            if sleeper.process in self.frozen:
                self._held.append(sleeper)
                continue
            sleeper.awake = True
            sleeper.thread.switch(None)
        self.now = end

    def _at(self, time: float, sleeper: Sleeper) -> None:
        heapq.heappush(self._due, (time, next(self._number), sleeper))


class Queue:
    """A queue whose readers wait in simulated time.

    :param world: the clock
    :param timed_out: called when a reader has waited in vain
    """

    def __init__(
        self, world: World, timed_out: Callable[[], None] = lambda: None
    ) -> None:
        self._world = world
        self._timed_out = timed_out
        self._items: collections.deque[Any] = collections.deque()
        self._readers: collections.deque[Sleeper] = collections.deque()

    def put(self, item: Any) -> None:
        """Put an item in."""
        self._items.append(item)
        while self._readers:
            reader = self._readers.popleft()
            if not reader.awake:
                self._world.wake(reader)
                break

    def clear(self) -> None:
        """Throw everything away."""
        self._items.clear()

    def get(self, timeout: float | None = None) -> Any:
        """Take the oldest item, and wait for it.

        :raises queue.Empty: when there is none in time
        """
        end = None if timeout is None else self._world.now + timeout
        while not self._items:
            left = None if end is None else end - self._world.now
            if left is not None and left <= _ROUNDING:
                if timeout:
                    self._timed_out()
                raise queue.Empty
            self._readers.append(self._world.sleeper(left))
            self._world.wait()
        return self._items.popleft()

    def get_nowait(self) -> Any:
        """Take the oldest item.

        :raises queue.Empty: when there is none
        """
        if not self._items:
            raise queue.Empty
        return self._items.popleft()


class Queues:
    """Stands for the module ``queue``.

    :param world: the clock
    :param timed_out: called when a reader has waited in vain
    """

    Empty = queue.Empty

    def __init__(self, world: World, timed_out: Callable[[], None]) -> None:
        self._world = world
        self._timed_out = timed_out

    def Queue(self) -> Queue:
        """Make a queue."""
        return Queue(self._world, self._timed_out)

    SimpleQueue = Queue


class Thread:
    """Stands for a thread; belongs to the process of its maker."""

    def __init__(
        self,
        world: World,
        target: Callable[..., object],
        args: tuple[Any, ...] = (),
        **others: Any,
    ) -> None:
        self._world = world
        self._target = target
        self._args = args

    def start(self) -> None:
        """Start it."""
        self._world.spawn(
            self._world.process(), lambda: self._target(*self._args)
        )


class Threads:
    """Stands for the module ``threading``.

    :param world: the clock
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def Thread(self, **options: Any) -> Thread:
        """Make a thread."""
        return Thread(self._world, **options)
