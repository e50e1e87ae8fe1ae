# SPDX-License-Identifier: Apache-2.0
"""What ``time`` and ``threading`` are under a schedule."""

from collections.abc import Callable
import functools
import threading
import time
from typing import Any
from typing import Self

from laboratory.faults import schedule


class Time:
    """Takes the place of the module ``time``.

    :param plan: the schedule whose clock counts
    """

    def __init__(self, plan: schedule.Schedule) -> None:
        self._plan = plan
        self.sleep = plan.sleep

    def monotonic(self) -> float:
        """Return the time of the schedule."""
        return self._plan.now

    def time(self) -> float:
        """Return a time of day that moves with the schedule."""
        return 1e9 + self._plan.now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class Lock:
    """A lock of actors; who waits lets others run.

    :param plan: the schedule of the actors
    :param reentrant: whether its owner may take it again
    """

    def __init__(
        self, plan: schedule.Schedule, reentrant: bool = False
    ) -> None:
        self._plan = plan
        self._reentrant = reentrant
        self._owner: Any = None
        self._taken = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See ``threading.Lock``."""
        if not self._is_free():
            if not blocking:
                return False
            if not self._plan.wait(
                self._is_free, None if timeout < 0 else timeout
            ):
                return False
        self._owner = self._plan.running
        self._taken += 1
        return True

    def release(self) -> None:
        """See ``threading.Lock``."""
        if not self._taken:
            raise RuntimeError('release unlocked lock')
        self._taken -= 1

    def locked(self) -> bool:
        """See ``threading.Lock``."""
        return bool(self._taken)

    def _is_free(self) -> bool:
        return not self._taken or (
            self._reentrant and self._owner is self._plan.running
        )

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class Condition:
    """A condition of actors.

    :param plan: the schedule of the actors
    :param lock: the lock that goes with it
    """

    def __init__(self, plan: schedule.Schedule, lock: Any = None) -> None:
        self._plan = plan
        self._lock = lock or Lock(plan, reentrant=True)
        self._waiting: list[list[bool]] = []
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def __enter__(self) -> bool:
        return bool(self._lock.__enter__())

    def __exit__(self, *exc_info: object) -> None:
        self._lock.__exit__(*exc_info)

    def wait(self, timeout: float | None = None) -> bool:
        """See ``threading.Condition``."""
        told = [False]
        self._waiting.append(told)
        self._lock.release()
        try:
            return self._plan.wait(lambda: told[0], timeout)
        finally:
            self._waiting = [one for one in self._waiting if one is not told]
            self._lock.acquire()

    def wait_for(
        self, predicate: Callable[[], Any], timeout: float | None = None
    ) -> Any:
        """See ``threading.Condition``."""
        end = None if timeout is None else self._plan.now + timeout
        while not (result := predicate()):
            left = None if end is None else end - self._plan.now
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    def notify(self, n: int = 1) -> None:
        """See ``threading.Condition``."""
        for told in self._waiting[:n]:
            told[0] = True
        self._waiting = self._waiting[n:]

    def notify_all(self) -> None:
        """See ``threading.Condition``."""
        self.notify(len(self._waiting))


class Event(threading.Event):
    """An event of actors.

    :param plan: the schedule of the actors
    """

    def __init__(self, plan: schedule.Schedule) -> None:
        super().__init__()
        self._plan = plan

    def wait(self, timeout: float | None = None) -> bool:
        """See ``threading.Event``."""
        return self._plan.wait(self.is_set, timeout)


class Threading:
    """Takes the place of the module ``threading``.

    :param plan: the schedule of the actors
    """

    def __init__(self, plan: schedule.Schedule) -> None:
        self._plan = plan

    def Lock(self) -> Lock:
        """Make a lock."""
        return Lock(self._plan)

    def RLock(self) -> Lock:
        """Make a lock that its owner may take again."""
        return Lock(self._plan, reentrant=True)

    def Condition(self, lock: Any = None) -> Condition:
        """Make a condition."""
        return Condition(self._plan, lock)

    def Event(self) -> Event:
        """Make an event."""
        return Event(self._plan)

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)


class Writer(Lock):
    """What oslo.concurrency uses of a lock of readers and writers."""

    def write_lock(self) -> Self:
        """Return what holds the lock."""
        return self


def fair_locks(plan: schedule.Schedule) -> Callable[[str], Writer]:
    """Make what takes the place of ``lockutils.internal_fair_lock``.

    :param plan: the schedule of the actors
    """
    return functools.cache(lambda name: Writer(plan, reentrant=True))
