# SPDX-License-Identifier: Apache-2.0
"""Fill the outbox with messages that were never sent, and count them."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import json
from typing import Any

import sqlalchemy as sa

_ROWS = 1000

# About as large as a notification of Ironic.
_PADDING = 'x' * 2500


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """How messages of known order have arrived.

    :param received: how many different ones.
    :param repeated: how many came once more.
    :param out_of_order: how many came after a later one of their node.
    """

    received: int
    repeated: int
    out_of_order: int

    @property
    def is_clean(self) -> bool:
        """Whether all came in order."""
        return not self.out_of_order


def store(
    engine: sa.Engine, numbers: range, nodes: range, priority: str
) -> None:
    """Store messages of some nodes in turn.

    :param engine: the database.
    :param numbers: of the messages, in their order.
    :param nodes: their numbers.
    :param priority: of all of them.
    """
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


def check(arrived: Iterable[Mapping[str, Any]]) -> Order:
    """Check the order of arrival of what :func:`store` has stored.

    :param arrived: what was recorded.
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
    return Order(len(seen), repeated, out_of_order)
