# SPDX-License-Identifier: Apache-2.0
"""Run the relay of a conductor in a thread, built from the configuration."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import functools
import os
import socket
import threading
import time
from typing import Any
import uuid

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events.outbox import connection
from ironic_async_events.outbox import judging
from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import lease
from ironic_async_events.outbox import lease_row
from ironic_async_events.outbox import publisher
from ironic_async_events.outbox import relay
from ironic_async_events.outbox import store
from ironic_async_events.outbox import suspects
from ironic_async_events.outbox import watch

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# A deletion costs as much as the search for messages. On SQLite it also blocks
# other writers. So confirmed messages are deleted together.
_LINGER = 0.5
# Most of a turn is the search for messages. Turns are so many seconds apart,
# so that under load a turn finds several messages. After a pause a message is
# published at once.
_APART = 0.1


def start(transport: Any) -> 'RelayThread':
    """Start a relay in a thread of its own.

    Called by the main thread of a conductor.

    :param transport: the notification transport
    :returns: the thread
    """
    thread = RelayThread(functools.partial(_build, transport))
    thread.start()
    return thread


@contextlib.contextmanager
def _build(transport: Any) -> Iterator[relay.Relay]:
    options = CONF.async_events
    clock = lease.clock
    holder = f'{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}'
    with connection.keep():
        yield relay.Relay(
            rows=store,
            lease=lease.Lease(
                lease_row.LeaseRow(), holder, options.outbox_lease, clock
            ),
            lanes=lanes.Lanes(
                publisher.Publisher(transport).publish,
                options.outbox_lanes,
                clock,
            ),
            judge=judging.Judge(
                suspects.Suspects(
                    store, options.outbox_set_aside_after, clock
                ),
                clock,
            ),
            watch=watch.Watch(
                store.backlog,
                options.outbox_watch_interval,
                options.outbox_backlog_thresholds,
                options.outbox_age_thresholds,
                watch.send_gauge,
                clock,
            ),
            clock=clock,
            batch=options.outbox_batch,
            poll=options.outbox_poll_interval,
            linger=_LINGER,
        )


class RelayThread:
    """Runs a relay until :meth:`stop`.

    :param build: builds the relay and cleans up behind it; called in the new
        thread
    """

    def __init__(
        self,
        build: Callable[[], contextlib.AbstractContextManager[relay.Relay]],
    ) -> None:
        self._build = build
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
        """Wake the relay for a new message. Called by any thread."""
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
                'The relay of the outbox has not ended in time; messages '
                'that it has not published stay in the database'
            )

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(publisher.quiet(lanes.THREAD))
            built = stack.enter_context(self._build())
            while not self._ending.is_set():
                # First: the turn reads a message that comes from now on, or
                # the message ends the pause.
                self._news.clear()
                if self._ending.is_set():
                    break
                pause = built.turn()
                event = self._ending
                if pause.for_messages and not event.wait(
                    min(_APART, pause.seconds)
                ):
                    event = self._news
                event.wait(pause.seconds)
            while time.monotonic() < self._drain_until and built.drain():
                pass
            built.end()
