# SPDX-License-Identifier: Apache-2.0
"""Hand a task over from the RPC thread to its worker.

The two threads share a task without a lock. The hand-over decides which
thread owns the task (:meth:`HandOver.claim`), lets the RPC thread wait until
the state is saved (:meth:`HandOver.wait`), and decides whether a request is
accepted or refused when saving fails (:meth:`HandOver.refuse`).
"""

from concurrent import futures
import threading


class HandOver:
    """The passing of one task from the RPC thread to its worker."""

    def __init__(self) -> None:
        self._claim = threading.Lock()
        self._answer = threading.Lock()
        self._saved: futures.Future[None] = futures.Future()

    def claim(self) -> bool:
        """Take the task; only the first caller gets it.

        The worker claims the task before it touches the task. A thread that
        learns that no worker will run claims the task before it takes the
        request back. A worker that starts late then does nothing.

        :returns: whether the caller was the first
        """
        return self._claim.acquire(blocking=False)

    def refuse(self) -> bool:
        """Decide that the request is refused; :meth:`wait` then raises.

        Called by a worker that could not save the state.

        :returns: whether the request is refused; False when it was accepted
            before
        """
        return self._answer.acquire(blocking=False)

    def accept(self) -> bool:
        """Decide that the request is answered as accepted.

        Called by an RPC thread that stops waiting for the worker.

        :returns: whether the request is accepted; False when the worker
            refused it before
        """
        return self._answer.acquire(blocking=False)

    @property
    def is_saved(self) -> bool:
        """Whether the worker has saved the state of its operation."""
        return self._saved.done() and self._saved.exception() is None

    def saved(self) -> None:
        """Tell the RPC thread that the state is in the database.

        Called by the worker.
        """
        self._saved.set_result(None)

    def failed(self, error: BaseException) -> None:
        """Tell the RPC thread that the operation did not start.

        Called by the thread that took the request back, after it has
        released the node.

        :param error: what the caller of the request gets
        """
        self._saved.set_exception(error)

    def wait(self, timeout: float) -> bool:
        """Wait until the operation has started or has failed to start.

        Called by the RPC thread.

        :param timeout: in seconds; a request that the worker is about to
            refuse is waited for until it is refused
        :returns: whether the state has been saved; False when the time was
            over first
        :raises Exception: the error that was given to :meth:`failed`
        """
        # Not Future.result(): it would take a TimeoutError of the worker
        # for its own.
        done, _ = futures.wait([self._saved], timeout=timeout)
        if not done and self.accept():
            return False
        self._saved.result()
        return True
