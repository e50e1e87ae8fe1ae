# SPDX-License-Identifier: Apache-2.0
"""Use the outbox in a process; run the relay of a conductor in a thread."""

from collections.abc import Callable
import functools
import os
import socket
import sys
import threading
import time
from typing import Any
import uuid

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import exceptions
from ironic_async_events import redaction
from ironic_async_events.outbox import advice
from ironic_async_events.outbox import connection
from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import lease
from ironic_async_events.outbox import publisher
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import store
from ironic_async_events.outbox import transaction
from ironic_async_events.outbox.relay import Relay
from ironic_async_events.task import delivery

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# A process that serves the API imports this module before it parses its
# configuration. ironic-dbsync does not, and must run without these tables.
_API = 'ironic.api.app'
# Most of a turn is the search for messages. So many seconds after a turn that
# found none the next may find several. Later a message is published at once.
_APART = 0.1

_transport: Any = None
_thread: 'RelayThread | None' = None
_checked = False


def use(transport: Any) -> None:
    """Make the outbox the delivery of this process, over a transport.

    Called by the main thread of a service, for each of its notifiers.
    """
    global _transport
    _transport = transport
    delivery.use(transaction.in_one_transaction)


def check_api(conf: cfg.ConfigOpts) -> None:
    """Refuse to serve the API with a database that lacks the tables."""
    global _checked
    if _checked or _API not in sys.modules:
        return
    _checked = True
    try:
        schema.check(schema.glance(conf.database.connection))
    except exceptions.RefusedToStart as e:
        LOG.error('%s', e)
        raise
    except Exception as e:
        # Ironic itself waits for its database, and logs this.
        LOG.warning(
            'ironic-async-events: could not look for the tables of the '
            'outbox: %s',
            redaction.line(e),
        )


def wake() -> None:
    """Wake the relay of this process. Called by any thread after a commit."""
    if _thread is not None:
        _thread.wake()


def started(init_host: Callable[..., Any]) -> Callable[..., Any]:
    """Make a conductor start its relay, after ``init_host``."""

    @functools.wraps(init_host)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        global _thread
        if _transport is None:
            return init_host(*args, **kwargs)
        # First: without the tables the conductor must not start.
        engine = connection.engine()
        schema.check(engine)
        for concern in advice.concerns(CONF, engine):
            LOG.log(concern.level, 'ironic-async-events: %s', concern.text)
        result = init_host(*args, **kwargs)
        if _thread is None:
            _thread = RelayThread(_transport)
            _thread.start()
        return result

    return wrapper


def stopped(del_host: Callable[..., Any]) -> Callable[..., Any]:
    """Make a conductor end its relay, after ``del_host``."""

    @functools.wraps(del_host)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        global _thread
        try:
            # This waits for the workers, which may still send notifications.
            return del_host(*args, **kwargs)
        finally:
            if _thread is not None:
                _thread.stop(CONF.async_events.outbox_drain_timeout)
                _thread = None

    return wrapper


class RelayThread(threading.Thread):
    """Runs a relay over a transport until :meth:`stop`."""

    def __init__(self, transport: Any) -> None:
        # A daemon: a bus that does not answer must not keep the process.
        super().__init__(name=lanes.THREAD, daemon=True)
        self._transport = transport
        self._news = threading.Event()
        self._ending = threading.Event()
        self._drain_until = 0.0

    def wake(self) -> None:
        """Wake the relay for a new message. Called by any thread."""
        self._news.set()

    def stop(self, seconds: float) -> None:
        """Publish what is left for some seconds, give the lease up, and end.

        Called by the conductor's main thread when its workers have ended.
        """
        self._drain_until = time.monotonic() + seconds
        self._ending.set()
        self._news.set()
        # Some time is for giving up the lease.
        self.join(seconds + 1)
        if self.is_alive():
            LOG.warning(
                'The relay of the outbox has not ended in time; messages '
                'that it has not published stay in the database'
            )

    def run(self) -> None:
        """Build the relay and run it. Called in the new thread."""
        publish = functools.partial(publisher.publish, self._transport)
        number = uuid.uuid4().hex[:8]
        name = f'{socket.gethostname()}:{os.getpid()}:{number}'
        with connection.keep(), publisher.quiet(lanes.THREAD):
            relay = Relay(store, publish, name, CONF.async_events, lease.clock)
            while not self._ending.is_set():
                # First: the turn reads a message that comes from now on, or
                # the message ends the pause.
                self._news.clear()
                if self._ending.is_set():
                    break
                seconds, for_messages = relay.turn()
                event = self._ending
                if for_messages:
                    apart = min(_APART, seconds)
                    seconds -= apart
                    if not event.wait(apart):
                        event = self._news
                event.wait(seconds)
            while time.monotonic() < self._drain_until:
                if relay.turn().seconds:
                    # There is no more to publish now.
                    break
            relay.end()
