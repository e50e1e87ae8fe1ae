# SPDX-License-Identifier: Apache-2.0
"""Messages that were never sent, to fill the outbox with and to refuse."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
from typing import Any

import kombu
import sqlalchemy as sa

from ironic_async_events.outbox import message

_ROWS = 1000

# About as large as a notification of Ironic.
_PADDING = 'x' * 2500


def store(
    engine: sa.Engine, numbers: range, nodes: range, priority: str
) -> None:
    """Store messages of some nodes in turn."""
    insert = sa.text(
        'INSERT INTO async_events_outbox '
        '(message_id, subject, body, stored_at, attempts) '
        'VALUES (:id, :node, :body, 0, 0)'
    )
    for begin in range(0, len(numbers), _ROWS):
        rows = [
            _row(number, nodes[number % len(nodes)], priority)
            for number in numbers[begin : begin + _ROWS]
        ]
        with engine.begin() as connection:
            connection.execute(insert, rows)


def _row(number: int, at: int, priority: str) -> dict[str, str]:
    node = f'00000000-0000-0000-0000-{at:012}'
    data = {'uuid': node, 'number': number, 'padding': _PADDING}
    body = {
        'message_id': f'{number:036}',
        'publisher_id': 'laboratory',
        'event_type': 'baremetal.node.laboratory.success',
        'priority': priority,
        'timestamp': '2026-01-01 00:00:00.000000',
        'payload': {'ironic_object.data': data},
    }
    topics = ('ironic_versioned_notifications',)
    text = message.Message(topics, {}, body, priority).encode()
    return {'id': f'{number:036}', 'node': node, 'body': text}


def check(arrived: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Count what arrived, once more, and after a later one of its node."""
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


@contextlib.contextmanager
def refusing(amqp_url: str) -> Iterator[Any]:
    """Declare a queue for errors, and fill it.

    Until it is deleted the broker refuses all errors, for other queues too.
    """
    exchange = kombu.Exchange('ironic', 'topic', durable=True)
    with kombu.Connection(amqp_url, heartbeat=0) as connection:
        queue = kombu.Queue(
            'refusing',
            exchange,
            'ironic_versioned_notifications.error',
            connection.channel(),
            durable=True,
            queue_arguments={
                'x-max-length': 1,
                'x-overflow': 'reject-publish',
            },
        )
        queue.declare()
        # From now on it is full.
        connection.Producer().publish('{}', queue.name, exchange='')
        yield queue
