# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time of the relay's thread and of its lanes.

Uses a MariaDB and a RabbitMQ of its own. An operation has two messages.
"""

import argparse
import pathlib
import sys
import tempfile
import threading
import time
import uuid

from ironic.conf import CONF
from ironic.db.sqlalchemy import models  # noqa: F401  # registers its options
import oslo_messaging

from ironic_async_events import conf as async_conf
from ironic_async_events.outbox import connection
from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import message
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import service
from ironic_async_events.outbox import store
from laboratory import broker
from laboratory import database
from laboratory import errors
from laboratory import processes

_TOPICS = ('ironic_versioned_notifications',)
_NODES = tuple(str(uuid.uuid4()) for _ in range(40))
# About as many fields as the notification of a node has, and as long.
_FIELDS = {f'field_{number}': 'v' * 20 for number in range(100)}
_IDLE_SECONDS = 5.0
_PATIENCE = 60.0


def _body(node: str) -> dict[str, object]:
    return {
        'message_id': str(uuid.uuid4()),
        'publisher_id': 'ironic-conductor.host',
        'event_type': 'baremetal.node.provision_set.start',
        'priority': 'INFO',
        'timestamp': '2026-01-01 00:00:00.000000',
        'payload': {'ironic_object.data': {'uuid': node, **_FIELDS}},
    }


class _Spent:
    """The CPU time of the relay's threads since this was made."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread
        self._before = self._now()

    def _now(self) -> tuple[float, float]:
        relay = everything = 0.0
        for thread in threading.enumerate():
            if thread.name.startswith(lanes.THREAD) and thread.ident:
                clock = time.pthread_getcpuclockid(thread.ident)
                everything += time.clock_gettime(clock)
                if thread is self._thread:
                    relay = time.clock_gettime(clock)
        return relay, everything - relay

    def each(self, count: float) -> str:
        """Say how many milliseconds each of so many things took."""
        (a, b), (before_a, before_b) = self._now(), self._before
        spent = (a - before_a) / count * 1e3, (b - before_b) / count * 1e3
        return f'thread {spent[0]:.2f} ms, lanes {spent[1]:.2f} ms'


def _measure(operations: int, rate: float, bus: str) -> None:
    transport = oslo_messaging.get_notification_transport(CONF, url=bus)
    relay = service.RelayThread(transport)
    relay.start()

    def put(number: int) -> None:
        store.put(
            message.Message(
                _TOPICS, {}, _body(_NODES[number % len(_NODES)]), 'INFO'
            ),
            relay.wake,
        )

    def wait() -> None:
        if not processes.wait_for(store.is_empty, _PATIENCE):
            raise errors.LaboratoryError('messages are not published')

    put(0)
    wait()
    spent, began = _Spent(relay), time.monotonic()
    for number in range(operations):
        for _ in 'start', 'end':
            put(number)
            time.sleep(0.5 / rate)
    wait()
    seconds = time.monotonic() - began
    print(
        f'{operations / seconds:.1f} operations a second, each: '
        f'{spent.each(operations)}'
    )
    spent = _Spent(relay)
    time.sleep(_IDLE_SECONDS)
    print(f'idle, each second: {spent.each(_IDLE_SECONDS)}')
    relay.stop(5.0)


def main() -> int:
    """Measure at one rate."""
    parser = argparse.ArgumentParser(
        prog=f'python -m {__spec__.name}', description=__doc__
    )
    parser.add_argument('--operations', type=int, default=300)
    parser.add_argument('--rate', type=float, default=12.0, help='a second')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        places = [pathlib.Path(name, kind) for kind in ('database', 'bus')]
        for place in places:
            place.mkdir()
        with (
            database.MariaDB(places[0]) as server,
            broker.RabbitMQ(places[1]) as bus,
        ):
            CONF([], project='ironic', default_config_files=[])
            CONF.set_override(
                'connection', server.another('relay'), 'database'
            )
            async_conf.register(CONF)
            schema.upgrade(connection.engine())
            _measure(args.operations, args.rate, bus.url)
    return 0


if __name__ == '__main__':
    sys.exit(main())
