# SPDX-License-Identifier: Apache-2.0
"""What keeps a worker from starting.

Each cause replaces ``submit()`` of the conductor's pools, the edge of what is
tested, and nothing before it. Those with an executor use futurist's own,
with one real thread.
"""

from collections.abc import Callable
import contextlib
import itertools
import threading
from typing import Any

import fixtures
import futurist
from futurist import rejection
from ironic.common import exception
from oslo_db import exception as db_exception

from ironic_async_events.tests.unit.spawn_failures import writes

#: Seconds within which another thread must have answered; never used up
#: unless something hangs.
PATIENCE = 20

Spawn = Callable[..., futurist.Future]


class Worker(fixtures.Fixture):
    """A pool of one real thread, in the place of the conductor's."""

    def _setUp(self) -> None:
        self.executor = futurist.ThreadPoolExecutor(max_workers=1)
        # Not waited for: an idle futurist thread needs a second to notice.
        self.addCleanup(self.executor.shutdown, wait=False)
        self.ran = 0

    def spawn(
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> futurist.Future:
        """Do what a pool does that has a free worker."""
        self.ran += 1
        return self.executor.submit(func, *args, **kwargs)

    def drain(self) -> None:
        """Wait until everything has ended, call-backs of futures included."""
        self.executor.submit(lambda: None).result(PATIENCE)


class Cause:
    """Why no worker starts.

    :cvar name: in words.
    :cvar error: what the caller of the operation has to get with the plugin.
    :cvar root: what that error has to be chained to, if not itself.
    :cvar only_staged: whether it can only happen to an operation that
        changes the provision state before it starts.
    :cvar late: whether it happens after the spawn method has returned, so
        that only a caller who waits for the worker can be told.
    """

    name: str
    error: type[Exception] = exception.NoFreeConductorWorker
    root: type[BaseException] | None = None
    only_staged = False
    late = False

    def arm(self, stack: contextlib.ExitStack) -> Spawn:
        """Get ready for one request.

        :param stack: where to leave what has to be cleaned up; closing it
            waits for threads of this cause that still do something.
        :returns: takes the place of ``submit()``.
        """
        raise NotImplementedError


class NoFreeWorker(Cause):
    """The manager found both of its pools full."""

    name = 'NoFreeConductorWorker'

    def arm(self, stack: contextlib.ExitStack) -> Spawn:
        """Return what raises as the manager does that rejects a request."""

        def spawn(*args: Any, **kwargs: Any) -> futurist.Future:
            raise exception.NoFreeConductorWorker()

        return spawn


class CannotStartThread(Cause):
    """The operating system gave no thread."""

    name = 'RuntimeError'
    root = RuntimeError

    def arm(self, stack: contextlib.ExitStack) -> Spawn:
        """Return a spawn method that raises what threading does."""

        def spawn(*args: Any, **kwargs: Any) -> futurist.Future:
            raise RuntimeError("can't start new thread")

        return spawn


class Rejected(Cause):
    """The executor rejected the work."""

    name = 'RejectedSubmission'
    root = futurist.RejectedSubmission

    def arm(self, stack: contextlib.ExitStack) -> Spawn:
        """Return the submit method of an executor that accepts nothing."""
        executor = futurist.ThreadPoolExecutor(
            max_workers=1, check_and_reject=rejection.reject_when_reached(0)
        )
        stack.callback(executor.shutdown, wait=False)
        return executor.submit


class Cancelled(Cause):
    """The future was cancelled while it waited for a thread."""

    name = 'cancelled future'
    root = futurist.CancelledError
    late = True

    def arm(self, stack: contextlib.ExitStack) -> Spawn:
        """Return a spawn method whose futures are cancelled in the queue.

        The only thread of the pool is busy. Another thread cancels the
        future as soon as somebody has asked to be told about its end.
        """
        worker = stack.enter_context(Worker())
        stack.callback(worker.drain)
        free = threading.Event()
        stack.callback(free.set)
        worker.spawn(free.wait, PATIENCE)

        def spawn(*args: Any, **kwargs: Any) -> futurist.Future:
            future = worker.spawn(*args, **kwargs)
            watched = threading.Event()
            add_done_callback = future.add_done_callback

            def add(callback: Callable[[futurist.Future], object]) -> None:
                add_done_callback(callback)
                watched.set()

            def cancel() -> None:
                watched.wait(PATIENCE)
                future.cancel()

            future.add_done_callback = add
            canceller = threading.Thread(target=cancel)
            canceller.start()
            # Runs before the queue is drained.
            stack.callback(canceller.join, PATIENCE)
            return future

        return spawn


class DatabaseGone(Cause):
    """The database failed while the worker saved the new state, once.

    :param saves: how many saves of a state succeed before that.
    """

    name = 'DBError'
    error = db_exception.DBError
    only_staged = True
    late = True

    def __init__(self, saves: int = 0) -> None:
        self._saves = saves

    def arm(self, stack: contextlib.ExitStack) -> Spawn:
        """Return a spawn method of a pool whose first save fails.

        Saves of the thread that makes the request do not count, nor do
        those that leave the provision state alone.
        """
        requester = threading.get_ident()
        saves = itertools.count()

        def fail_once(update_node: Any, *args: Any) -> Any:
            if (
                'provision_state' in args[-1]
                and threading.get_ident() != requester
                and next(saves) == self._saves
            ):
                raise db_exception.DBError('the database is gone')
            return update_node(*args)

        for replacement in writes.replaced(fail_once):
            stack.enter_context(replacement)
        worker = stack.enter_context(Worker())
        stack.callback(worker.drain)
        return worker.spawn


class Interrupted(DatabaseGone):
    """The database failed after the work had begun: no refusal.

    Not one of the causes: the node stays where the last save left it.
    """

    name = 'DBError later'

    def __init__(self) -> None:
        super().__init__(saves=1)


CAUSES: tuple[Cause, ...] = (
    NoFreeWorker(),
    CannotStartThread(),
    Rejected(),
    Cancelled(),
    DatabaseGone(),
)
