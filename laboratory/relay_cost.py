# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time of the relay's thread and of its lanes.

Uses a MariaDB and a RabbitMQ of its own. An operation has two messages.
"""

import sys
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
from laboratory import command
from laboratory import deployment
from laboratory import errors
from laboratory import processes

_TOPICS = ('ironic_versioned_notifications',)
_NODES = tuple(str(uuid.uuid4()) for _ in range(40))
# About as many fields as the notification of a node has, and as long.
_FIELDS = {f'field_{number}': 'v' * 20 for number in range(100)}
_IDLE_SECONDS = 5.0
_PATIENCE = 60.0
Spent = tuple[float, float]


def _body(node: str) -> dict[str, object]:
    return {
        'message_id': str(uuid.uuid4()),
        'publisher_id': 'ironic-conductor.host',
        'event_type': 'baremetal.node.provision_set.start',
        'priority': 'INFO',
        'timestamp': '2026-01-01 00:00:00.000000',
        'payload': {'ironic_object.data': {'uuid': node, **_FIELDS}},
    }


def _spent(relay: threading.Thread) -> Spent:
    """Return the CPU time of the relay's thread, and of its lanes."""
    by_thread = {
        thread: time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.name.startswith(lanes.THREAD) and thread.ident
    }
    own = by_thread.pop(relay, 0.0)
    return own, sum(by_thread.values())


def _each(relay: threading.Thread, before: Spent, count: float) -> str:
    """Say how many milliseconds each of so many things took."""
    spent = zip(_spent(relay), before, strict=True)
    own, others = ((now - then) / count * 1e3 for now, then in spent)
    return f'thread {own:.2f} ms, lanes {others:.2f} ms'


def _measure(operations: int, rate: float, bus: str) -> None:
    transport = oslo_messaging.get_notification_transport(CONF, url=bus)
    relay = service.RelayThread(transport)
    relay.start()

    def put(number: int) -> None:
        body = _body(_NODES[number % len(_NODES)])
        store.put(message.Message(_TOPICS, {}, body, 'INFO'), relay.wake)

    def wait() -> None:
        if not processes.wait_for(store.is_empty, _PATIENCE):
            raise errors.LaboratoryError('messages are not published')

    put(0)
    wait()
    before, began = _spent(relay), time.monotonic()
    for number in range(operations):
        for _ in 'start', 'end':
            put(number)
            time.sleep(0.5 / rate)
    wait()
    done = operations / (time.monotonic() - began)
    each = _each(relay, before, operations)
    print(f'{done:.1f} operations a second, each: {each}')
    before = _spent(relay)
    time.sleep(_IDLE_SECONDS)
    print(f'idle, each second: {_each(relay, before, _IDLE_SECONDS)}')
    relay.stop(5.0)


def main() -> int:
    args = command.parser(
        'relay_cost',
        __doc__,
        operations=(300, 'how many'),
        rate=(12.0, 'how many a second'),
    ).parse_args()

    def work() -> int:
        with deployment.servers('mariadb', True) as shared:
            assert shared.database is not None and shared.rabbitmq is not None
            CONF([], project='ironic', default_config_files=[])
            url = shared.database.another('relay')
            CONF.set_override('connection', url, 'database')
            async_conf.register(CONF)
            schema.upgrade(connection.engine())
            _measure(args.operations, args.rate, shared.rabbitmq.url)
        return 0

    return command.run('relay_cost', work)


if __name__ == '__main__':
    sys.exit(main())
