# SPDX-License-Identifier: Apache-2.0
"""The relay of a conductor, put together as the configuration says."""

from collections.abc import Iterator
import contextlib
import functools
import os
import socket
from typing import Any
import uuid

from ironic.common import utils
from oslo_config import cfg

from ironic_async_events.outbox import judging
from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import lease
from ironic_async_events.outbox import publisher
from ironic_async_events.outbox import relay
from ironic_async_events.outbox import store
from ironic_async_events.outbox import suspects
from ironic_async_events.outbox import thread
from ironic_async_events.outbox import watch

CONF = cfg.CONF

# On SQLite every deletion keeps all others who write waiting.
_LINGER_ON_SQLITE = 0.5


def start(transport: Any) -> thread.Thread:
    """Start a relay in a thread of its own.

    Called by the main thread of a conductor.

    :param transport: the notification transport
    :returns: the thread
    """
    found = thread.Thread(functools.partial(_relay, transport))
    found.start()
    return found


@contextlib.contextmanager
def _relay(transport: Any) -> Iterator[relay.Relay]:
    options = CONF.async_events
    clock = lease.clock
    holder = f'{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}'
    on_sqlite = utils.is_ironic_using_sqlite()
    with store.own_connection():
        yield relay.Relay(
            rows=store,
            lease=lease.Lease(
                lease.Row(), holder, options.outbox_lease, clock
            ),
            lanes=lanes.Lanes(
                publisher.Publisher(transport).publish, options.outbox_lanes
            ),
            judge=judging.Judge(
                suspects.Suspects(options.outbox_set_aside_after, clock),
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
            linger=_LINGER_ON_SQLITE if on_sqlite else 0.0,
        )
