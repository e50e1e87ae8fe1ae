# SPDX-License-Identifier: Apache-2.0
"""Messages that were never sent, to fill the outbox with and to refuse."""

from collections.abc import Iterable
from collections.abc import Mapping
import json
import threading
from typing import Any
from typing import Self

import kombu
import sqlalchemy as sa

from ironic_async_events.audit import envelope

_ROWS = 1000

# About as large as a notification of Ironic.
_PADDING = 'x' * 2500

_NAME = 'refusing'


def store(
    engine: sa.Engine, numbers: range, nodes: range, priority: str
) -> None:
    """Store messages of some nodes in turn."""
    for begin in range(0, len(numbers), _ROWS):
        rows = [
            _row(number, nodes[number % len(nodes)], priority)
            for number in numbers[begin : begin + _ROWS]
        ]
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    'INSERT INTO async_events_outbox '
                    '(message_id, subject, body, stored_at, attempts) '
                    'VALUES (:id, :node, :body, 0, 0)'
                ),
                rows,
            )


def _row(number: int, at: int, priority: str) -> dict[str, str]:
    node = f'00000000-0000-0000-0000-{at:012}'
    id = f'{number:036}'
    message = {
        'topics': ['ironic_versioned_notifications'],
        'context': {},
        'priority': priority,
        'body': {
            'message_id': id,
            'publisher_id': 'laboratory',
            'event_type': 'baremetal.node.laboratory.success',
            'priority': priority,
            'timestamp': '2026-01-01 00:00:00.000000',
            'payload': {
                'ironic_object.data': {
                    'uuid': node,
                    'number': number,
                    'padding': _PADDING,
                }
            },
        },
    }
    return {'id': id, 'node': node, 'body': json.dumps(message)}


def check(arrived: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Check the order of arrival of what :func:`store` has stored.

    :returns: how many arrived, how many once more, and how many after a later
        message of their node.
    """
    last: dict[str, int] = {}
    seen: set[int] = set()
    repeated = out_of_order = 0
    for one in arrived:
        data = one['message']['payload']['ironic_object.data']
        number = data.get('number')
        if number is None:
            continue
        if number in seen:
            repeated += 1
            continue
        seen.add(number)
        node = data['uuid']
        out_of_order += number < last.get(node, -1)
        last[node] = max(number, last.get(node, -1))
    return {
        'received': len(seen),
        'repeated': repeated,
        'out_of_order': out_of_order,
    }


class Refusing:
    """A queue for errors that holds one message; a context manager.

    While it is full the broker refuses every error, also on behalf of other
    queues that would take it.
    """

    def __init__(self, amqp_url: str) -> None:
        self.numbers: list[int] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._read, name='refusing-reader', daemon=True
        )
        self._connection = kombu.Connection(amqp_url, heartbeat=0)

    def __enter__(self) -> Self:
        self._queue = kombu.Queue(
            _NAME,
            exchange=kombu.Exchange(
                'ironic', type='topic', durable=True, auto_delete=False
            ),
            routing_key='ironic_versioned_notifications.error',
            durable=True,
            queue_arguments={
                'x-max-length': 1,
                'x-overflow': 'reject-publish',
            },
        )
        channel = self._connection.channel()
        self._queue(channel).declare()
        # From now on it is full.
        self._connection.Producer(channel).publish(
            '{}', exchange='', routing_key=_NAME
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30)
        self._connection.release()

    def take_again(self) -> None:
        """Have somebody read the queue."""
        self._thread.start()

    def _read(self) -> None:
        with self._connection.Consumer(self._queue, on_message=self._arrived):
            while not self._stopping.is_set():
                try:
                    self._connection.drain_events(timeout=0.2)
                except TimeoutError:
                    continue

    def _arrived(self, message: Any) -> None:
        body = json.loads(message.body)
        if body:
            notification, _ = envelope.unwrap(body)
            data = notification['payload']['ironic_object.data']
            self.numbers.append(data['number'])
        message.ack()
