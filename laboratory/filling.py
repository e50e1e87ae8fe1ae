# SPDX-License-Identifier: Apache-2.0
"""Fill the outbox with messages that were never sent, and count them."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import json
from typing import Any

import sqlalchemy as sa

_NODES = 1000
_ROWS = 20000

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


def fill(engine: sa.Engine, messages: int) -> None:
    """Store messages, numbered from 0, of a thousand nodes in turn.

    :param engine: a MariaDB, which makes the rows itself.
    :param messages: how many.
    """
    node = "CONCAT('00000000-0000-0000-0000-', LPAD(seq % :nodes, 12, '0'))"
    template = json.dumps(make('{id}', '{node}', '{number}'))
    body = ':template'
    for name, value in (
        ('"{number}"', 'seq'),
        ('{node}', node),
        ('{id}', "LPAD(seq, 36, 'x')"),
    ):
        body = f"REPLACE({body}, '{name}', {value})"
    for begin in range(0, messages, _ROWS):
        end = min(begin + _ROWS, messages) - 1
        statement = sa.text(
            'INSERT INTO async_events_outbox '
            '(message_id, subject, body, stored_at, attempts) '
            f"SELECT LPAD(seq, 36, 'x'), {node}, {body}, 0, 0 "
            f'FROM seq_{begin}_to_{end} ORDER BY seq'
        )
        with engine.begin() as connection:
            connection.execute(
                statement, {'template': template, 'nodes': _NODES}
            )


def make(id: str, node: str, number: int | str) -> dict[str, Any]:
    """Make a message as it is stored.

    :param id: its id.
    :param node: the node.
    :param number: its number.
    """
    return {
        'topics': ['ironic_versioned_notifications'],
        'context': {},
        'priority': 'INFO',
        'body': {
            'message_id': id,
            'publisher_id': 'laboratory',
            'event_type': 'baremetal.node.laboratory.success',
            'priority': 'INFO',
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


def check(arrived: Iterable[Mapping[str, Any]]) -> Order:
    """Check the order of arrival of what :func:`fill` has stored.

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
