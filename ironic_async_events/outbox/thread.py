# SPDX-License-Identifier: Apache-2.0
"""The thread of the relay: when it runs, waits, and ends."""

from collections.abc import Callable
import contextlib
import threading
import time

from oslo_log import log as logging

from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import quiet
from ironic_async_events.outbox import relay

LOG = logging.getLogger(__name__)


class Thread:
    """Runs a relay until it is told to stop.

    :param make: makes the relay, and cleans up behind it; called in the new
        thread
    """

    def __init__(
        self,
        make: Callable[[], contextlib.AbstractContextManager[relay.Relay]],
    ) -> None:
        self._make = make
        self._news = threading.Event()
        self._ending = threading.Event()
        self._drain_until = 0.0
        # A daemon: a bus that does not answer must not keep the process.
        self._thread = threading.Thread(
            target=self._run, name=lanes.THREAD, daemon=True
        )

    def start(self) -> None:
        """Start the thread. Called by the conductor's main thread."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is a message. Called by any thread."""
        self._news.set()

    def stop(self, seconds: float) -> None:
        """Publish what is left, give the lease up, and end.

        Called by the conductor's main thread when its workers have ended.

        :param seconds: how long at most
        """
        self._drain_until = time.monotonic() + seconds
        self._ending.set()
        self._news.set()
        # Some time is for giving up the lease.
        self._thread.join(seconds + 1)
        if self._thread.is_alive():
            LOG.warning(
                'The relay of the outbox has not ended in time; what it has '
                'not published stays in the database'
            )

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(quiet.drivers(lanes.THREAD))
            one = stack.enter_context(self._make())
            while not self._ending.is_set():
                # First: what comes from now on is seen by the turn, or ends
                # the pause that follows.
                self._news.clear()
                if self._ending.is_set():
                    break
                pause = one.turn()
                event = self._news if pause.for_messages else self._ending
                event.wait(pause.seconds)
            while time.monotonic() < self._drain_until and one.drain():
                pass
            one.end()
