# SPDX-License-Identifier: Apache-2.0
"""One thread runs at a time, under a clock that the schedule moves.

An actor is a real thread. It runs until it sleeps, waits or ends; then the
next actor runs. The clock moves only when every actor sleeps or waits, so
each run of the same actors is the same run.
"""

from collections.abc import Callable
import dataclasses
import threading
import time
import types
from typing import Any
from typing import Self


class Abandoned(BaseException):
    """Ends an actor that the schedule does not go on with."""


@dataclasses.dataclass(eq=False)
class Actor:
    """A thread that runs when the schedule lets it; guests do not count."""

    name: str
    guest: bool
    ended: bool = False
    ready: Callable[[], bool] = lambda: True
    deadline: float | None = None
    baton: threading.Semaphore = dataclasses.field(
        default_factory=lambda: threading.Semaphore(0)
    )


class Schedule:
    """Some actors and their clock.

    ``start`` and ``run`` are for the thread of the test, the other methods
    for actors, which may start others as well.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.running: Actor | None = None
        self._actors: list[Actor] = []
        self._control = threading.Semaphore(0)
        self._abandoned = False

    def start(
        self, name: str, function: Callable[[], object], guest: bool = False
    ) -> Actor:
        """Add an actor; the caller goes on."""
        actor = Actor(name, guest)
        self._actors.append(actor)

        def run() -> None:
            try:
                actor.baton.acquire()
                function()
            except Abandoned:
                pass
            finally:
                actor.ended = True
                self._control.release()

        threading.Thread(target=run, name=name, daemon=True).start()
        return actor

    def run(self, until: float) -> list[str]:
        """Run the actors until all have ended, or until a time."""
        while actor := self._next(until):
            self._resume(actor)
        left = [actor.name for actor in self._actors]
        self._abandoned = True
        for actor in list(self._actors):
            while not actor.ended:
                self._resume(actor)
        self._actors.clear()
        self._abandoned = False
        return left

    def sleep(self, seconds: float) -> None:
        """Let time pass; when no actor runs, the clock just moves."""
        if self.running is None:
            self.now += seconds
        else:
            self._pause(lambda: False, max(0.0, seconds))

    def wait(
        self, ready: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Let other actors run until something is so; tell whether it is."""
        if ready():
            return True
        if self.running is None:
            raise RuntimeError('only an actor can wait')
        self._pause(ready, timeout)
        return ready()

    def let(self, actor: Actor) -> None:
        """Let another actor run until it sleeps, waits or ends; go on then."""
        both = (actor, self.running)
        others = [each for each in self._actors if each not in both]
        self._actors = [each for each in both if each] + others
        self._pause(lambda: True, None)

    def _pause(self, ready: Callable[[], bool], timeout: float | None) -> None:
        actor = self.running
        assert actor is not None
        actor.ready = ready
        actor.deadline = None if timeout is None else self.now + timeout
        self._control.release()
        actor.baton.acquire()
        if self._abandoned:
            raise Abandoned()

    def _resume(self, actor: Actor) -> None:
        self.running = actor
        actor.baton.release()
        self._control.acquire()
        self.running = None
        if actor.ended:
            self._actors.remove(actor)

    def _next(self, until: float) -> Actor | None:
        sleeping = []
        for actor in self._actors:
            if actor.ready():
                return actor
            if actor.deadline is not None:
                if actor.deadline <= self.now:
                    return actor
                sleeping.append((actor.deadline, actor))
        if not sleeping:
            return None
        deadline, actor = min(sleeping, key=lambda each: each[0])
        if deadline > until:
            return None
        self.now = deadline
        return actor


class Lock:
    """A ``threading.Lock`` of actors; who waits lets others run."""

    def __init__(self, plan: Schedule, reentrant: bool = False) -> None:
        self._plan = plan
        self._reentrant = reentrant
        self._owner: Actor | None = None
        self._taken = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._is_free():
            limit = None if timeout < 0 else timeout
            if not blocking or not self._plan.wait(self._is_free, limit):
                return False
        self._owner = self._plan.running
        self._taken += 1
        return True

    def release(self) -> None:
        if not self._taken:
            raise RuntimeError('release unlocked lock')
        self._taken -= 1

    def locked(self) -> bool:
        return bool(self._taken)

    def _is_owned(self) -> bool:
        return bool(self._taken) and self._owner is self._plan.running

    def _is_free(self) -> bool:
        return not self._taken or (self._reentrant and self._is_owned())

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def write_lock(self) -> Self:
        """Be what oslo.concurrency uses of a lock of readers and writers."""
        return self


class Condition(threading.Condition):
    def __init__(self, plan: Schedule, lock: Any = None) -> None:
        super().__init__(lock or Lock(plan, reentrant=True))
        self._plan = plan

    def wait(self, timeout: float | None = None) -> bool:
        waiter: Any = Lock(self._plan)
        waiter.acquire()
        # Whoever notifies releases it.
        self._waiters.append(waiter)
        self.release()
        try:
            return waiter.acquire(timeout=-1 if timeout is None else timeout)
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            self.acquire()

    def wait_for(
        self, predicate: Callable[[], Any], timeout: float | None = None
    ) -> Any:
        end = self._plan.now + (timeout or 0.0)
        while not (result := predicate()):
            left = None if timeout is None else end - self._plan.now
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result


class Event(threading.Event):
    def __init__(self, plan: Schedule) -> None:
        super().__init__()
        self._plan = plan

    def wait(self, timeout: float | None = None) -> bool:
        return self._plan.wait(self.is_set, timeout)


class Like(types.SimpleNamespace):
    """A module, of which some names are replaced."""

    def __init__(self, module: Any, **names: Any) -> None:
        super().__init__(**names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def stand_ins(plan: Any, **threads: Any) -> tuple[tuple[str, Any, Any], ...]:
    """Make ``time`` and ``threading``: name, real module and stand-in.

    :param plan: tells the time and sleeps
    :param threads: what is replaced of ``threading``
    """
    clock = Like(
        time,
        sleep=plan.sleep,
        monotonic=lambda: plan.now,
        # A time of day that moves with the schedule.
        time=lambda: 1e9 + plan.now,
    )
    replaced = Like(threading, **threads)
    return ('time', time, clock), ('threading', threading, replaced)
