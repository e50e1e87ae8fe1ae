# SPDX-License-Identifier: Apache-2.0
"""One thread runs at a time, under a clock that the schedule moves.

An actor is a real thread. It runs until it sleeps, waits or ends; then the
next actor runs. The clock moves only when every actor sleeps or waits, so
each run of the same actors is the same run.
"""

from collections.abc import Callable
import threading


class Abandoned(BaseException):
    """Ends an actor that the schedule does not go on with."""


class Actor:
    """A thread that runs when the schedule lets it.

    :param name: for reports
    :param function: what it does
    :param guest: whether it has no part in the operation
    """

    def __init__(
        self, name: str, function: Callable[[], object], guest: bool
    ) -> None:
        self.name = name
        self.guest = guest
        self.ended = False
        self.ready: Callable[[], bool] = lambda: True
        self.deadline: float | None = None
        self.baton = threading.Semaphore(0)
        self._function = function

    def begin(self, ended: Callable[[], object]) -> None:
        """Start the thread; it waits for its baton.

        :param ended: called by the thread when it ends
        """

        def run() -> None:
            try:
                self.baton.acquire()
                self._function()
            except Abandoned:
                pass
            finally:
                self.ended = True
                ended()

        threading.Thread(target=run, name=self.name, daemon=True).start()


class Schedule:
    """Some actors and their clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.running: Actor | None = None
        self._actors: list[Actor] = []
        self._control = threading.Semaphore(0)
        self._abandoned = False

    def start(
        self, name: str, function: Callable[[], object], guest: bool = False
    ) -> Actor:
        """Add an actor.

        Called by the thread of the test or by an actor, which goes on.

        :param name: for reports
        :param function: what the actor does
        :param guest: whether it has no part in the operation
        :returns: the actor
        """
        actor = Actor(name, function, guest)
        self._actors.append(actor)
        actor.begin(self._control.release)
        return actor

    def run(self, until: float) -> list[str]:
        """Run the actors until all have ended.

        Called by the thread of the test.

        :param until: the time at which it gives up
        :returns: names of the actors that have not ended
        """
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
        """Let this much time pass for the actor that calls.

        :param seconds: how long; when no actor runs, the clock just moves
        """
        if self.running is None:
            self.now += seconds
        else:
            self._pause(lambda: False, max(0.0, seconds))

    def wait(
        self, ready: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Let other actors run until something is so.

        :param ready: tells whether it is
        :param timeout: in seconds
        :returns: whether it is
        """
        if ready():
            return True
        if self.running is None:
            raise RuntimeError('only an actor can wait')
        self._pause(ready, timeout)
        return ready()

    def let(self, actor: Actor) -> None:
        """Let another actor run until it sleeps, waits or ends.

        :param actor: which runs now; the actor that calls goes on after it
        """
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
        for actor in self._actors:
            if actor.ready() or self._is_over(actor):
                return actor
        sleeping = [a for a in self._actors if a.deadline is not None]
        if not sleeping:
            return None
        actor = min(sleeping, key=lambda each: each.deadline or 0.0)
        if actor.deadline is None or actor.deadline > until:
            return None
        self.now = actor.deadline
        return actor

    def _is_over(self, actor: Actor) -> bool:
        return actor.deadline is not None and actor.deadline <= self.now
