# SPDX-License-Identifier: Apache-2.0
"""Clients that ask for far more than the conductor has workers for."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import random
import time
from typing import Any

import requests
import sqlalchemy
from sqlalchemy import pool

from laboratory import contract
from laboratory import errors
from laboratory import lifecycle
from laboratory import overload_result

# Of the newest Ironic that is tested; it shows every field of a node.
_VERSION = {'X-OpenStack-Ironic-API-Version': 'latest'}
# A request that was refused may say so, and releases its lock last.
_MAY_DIFFER = frozenset(('last_error', 'updated_at', 'reservation'))
_OPERATION_SECONDS = 60.0
_CONFIGDRIVE = 'H4sIAAAAAAAAAwMAAAAAAAAAAAA='
# How often a node that was refused is asked for the same once more, at once.
_AGAIN = 4
_PAUSE = 0.02

OPERATIONS: Mapping[str, Sequence[lifecycle.Operation]] = {
    state: [one for one in lifecycle.LIFE if one.start == state]
    for state in {one.start for one in lifecycle.LIFE}
}
"""What can be asked for, by the state that the request finds."""


@dataclasses.dataclass
class _Pending:
    """An accepted operation that has not ended."""

    operation: lifecycle.Operation
    before: str
    asked_at: float
    accepted_at: float
    shown: str
    shown_at: float
    deadline: float


class Presser:
    """One client with nodes of its own, for one thread.

    :param endpoint: the URL of the API.
    :param database: the URL of the service's database.
    :param nodes: the UUIDs of its nodes; nobody else uses them.
    :param seed: which operations it chooses.
    """

    def __init__(
        self, endpoint: str, database: str, nodes: Sequence[str], seed: int
    ) -> None:
        self.record = overload_result.Record()
        self._endpoint = endpoint
        self._http = requests.Session()
        self._http.headers.update(_VERSION)
        self._engine = sqlalchemy.create_engine(
            database, poolclass=pool.NullPool
        )
        self._pending: dict[str, _Pending | None] = dict.fromkeys(nodes)
        self._random = random.Random(seed)

    def press(self, until: float) -> None:
        """Ask, for as long as there is time, and then wait for the ends.

        :param until: when to stop asking, on the monotonic clock.
        """
        while time.monotonic() < until:
            for node in list(self._pending):
                if self._ended(node) and node in self._pending:
                    self._turn(node)
            time.sleep(_PAUSE)
        self._settle()

    def afterwards(self, seconds: float) -> None:
        """Have each node do one operation more, now that the load is over.

        :param seconds: how long a node may be refused for want of a worker.
        """
        for node in list(self._pending):
            deadline = time.monotonic() + seconds
            while node in self._pending and not self._pending[node]:
                self._turn(node)
                if time.monotonic() > deadline:
                    self.record.unusable.append(f'{node}: refused to the end')
                    break
                time.sleep(_PAUSE)
            else:
                self.record.usable += node in self._pending
        self._settle()

    def _settle(self) -> None:
        while True:
            ended = [self._ended(node) for node in list(self._pending)]
            if all(ended):
                return
            time.sleep(_PAUSE * 5)

    def _turn(self, node: str) -> None:
        """Ask a node that is at rest for what it can do in its state."""
        before = self._get(node)
        state = before['provision_state']
        if state not in OPERATIONS:
            self._strand(node, f'is left in {state!r}')
            return
        operation = self._random.choice(OPERATIONS[state])
        if self._prepare(before, operation):
            before = self._get(node)
        row = self._row(node)
        for _ in range(1 + _AGAIN):
            if not self._ask(node, operation, before, row):
                return

    def _ask(
        self,
        node: str,
        operation: lifecycle.Operation,
        before: Mapping[str, Any],
        row: Mapping[str, Any],
    ) -> bool:
        """Send one request; tell whether to try the same again."""
        body = {'target': operation.verb, **operation.arguments}
        if operation.verb == 'active':
            body['configdrive'] = _CONFIGDRIVE
        asked_at = time.time()
        answer = self._call('PUT', f'/v1/nodes/{node}/states/provision', body)
        accepted_at = time.time()
        after = self._get(node)
        shown_at = time.time()
        self.record.requests += 1
        if answer.status_code == 202:
            self._pending[node] = _Pending(
                operation,
                before['provision_state'],
                asked_at,
                accepted_at,
                after['provision_state'],
                shown_at,
                time.monotonic() + _OPERATION_SECONDS,
            )
            return False
        what = f'{node} {operation} from {operation.start!r}'
        if answer.status_code == 503:
            self.record.refused += 1
        else:
            self.record.others.append(
                f'{what}: {answer.status_code} {answer.text[:200]}'
            )
        fields = _different(before, after) + _different(row, self._row(node))
        if fields:
            # A field of the API and its column are one thing here.
            self.record.altered.append(
                f'{what}: {", ".join(dict.fromkeys(fields))}'
            )
        return not fields

    def _ended(self, node: str) -> bool:
        """Tell whether nothing is under way on a node."""
        pending = self._pending.get(node)
        if pending is None:
            return True
        body = self._get(node)
        state = body['provision_state']
        if not body['reservation'] and state == pending.operation.end:
            self._pending[node] = None
        elif time.monotonic() > pending.deadline:
            self.record.unended.append(
                f'{node} {pending.operation}: {state!r}, '
                f'reserved by {body["reservation"]} ({body["last_error"]})'
            )
            self._strand(node, f'is in {state!r} after {pending.operation}')
        else:
            return False
        self.record.accepted.append(
            contract.Accepted(
                node=node,
                name=str(pending.operation),
                before=pending.before,
                asked_at=pending.asked_at,
                accepted_at=pending.accepted_at,
                shown=pending.shown,
                shown_at=pending.shown_at,
                ended_at=time.time(),
            )
        )
        return True

    def _strand(self, node: str, how: str) -> None:
        self.record.stranded.append(f'{node} {how}')
        del self._pending[node]

    def _prepare(
        self, node: Mapping[str, Any], operation: lifecycle.Operation
    ) -> bool:
        """Make a node fit for an operation; tell whether that changed it."""
        path = f'/v1/nodes/{node["uuid"]}'
        changed = False
        if node['maintenance']:
            self._must('DELETE', f'{path}/maintenance')
            changed = True
        if (
            operation.verb in ('active', 'adopt')
            and node['instance_info'] != lifecycle.INSTANCE_INFO
        ):
            patch = {
                'op': 'add',
                'path': '/instance_info',
                'value': lifecycle.INSTANCE_INFO,
            }
            self._must('PATCH', path, [patch])
            changed = True
        return changed

    def _get(self, node: str) -> Mapping[str, Any]:
        body: Mapping[str, Any] = self._must('GET', f'/v1/nodes/{node}').json()
        return body

    def _must(
        self, method: str, path: str, body: Any = None
    ) -> requests.Response:
        answer = self._call(method, path, body)
        if not answer.ok:
            raise errors.LaboratoryError(
                f'{method} {path}: {answer.status_code} {answer.text[:300]}'
            )
        return answer

    def _call(
        self, method: str, path: str, body: Any = None
    ) -> requests.Response:
        return self._http.request(
            method, self._endpoint + path, json=body, timeout=90
        )

    def _row(self, node: str) -> Mapping[str, Any]:
        """Read what is stored, passwords and tokens unmasked."""
        with self._engine.connect() as connection:
            found = connection.execute(
                sqlalchemy.text('SELECT * FROM nodes WHERE uuid = :uuid'),
                {'uuid': node},
            )
            return dict(found.mappings().one())


def _different(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    return sorted(
        name
        for name in before.keys() | after.keys()
        if name not in _MAY_DIFFER and before.get(name) != after.get(name)
    )
