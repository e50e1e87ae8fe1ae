# SPDX-License-Identifier: Apache-2.0
"""What the thread that accepts a request and its worker tell each other.

The two share a task, which has no lock. So they agree on three things here:
who owns the task from now on (:meth:`HandOver.claim`), whether the new state
has been saved (:meth:`HandOver.wait`), and, when saving it fails, whether the
caller of the request can still be told (:meth:`HandOver.refuse`).
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

        The worker calls it before it touches the task. Whoever finds that
        no worker can be had calls it too, before it takes the request back:
        from then on a worker that starts late after all has nothing to do.

        :returns: whether the caller was the first
        """
        return self._claim.acquire(blocking=False)

    def refuse(self) -> bool:
        """Decide that the request is refused; :meth:`wait` then raises.

        Called by a worker that could not save the state.

        :returns: whether the caller of the request is still waiting; else it
            was told that the request is accepted
        """
        return self._answer.acquire(blocking=False)

    def accept(self) -> bool:
        """Decide that the request is answered as accepted.

        Called by an RPC thread that does not wait for the worker any longer.

        :returns: whether the worker has not refused it before
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
