# SPDX-License-Identifier: Apache-2.0
"""A conductor with hardly any workers, and clients that do not wait."""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import dataclasses
import random
import time
from typing import Any
from typing import NamedTuple

from laboratory import clients
from laboratory import configuration
from laboratory import contract
from laboratory import deployment
from laboratory import errors
from laboratory import lifecycle
from laboratory import truth
from laboratory import wanderer
from laboratory import witness
from laboratory.api import Api

# Ironic wants more workers than sync_power_state_workers + 2 *
# periodic_max_workers + 2; one of them runs the periodic tasks for good.
OPTIONS: configuration.Options = {
    'conductor': {
        'workers_pool_size': 6,
        'reserved_workers_pool_percentage': 0,
        'sync_power_state_workers': 1,
        'periodic_max_workers': 1,
    },
    'fake': {
        'bios_delay': '1',
        'deploy_delay': '1',
        'inspect_delay': '1',
        'rescue_delay': '1',
        'vendor_delay': '1',
    },
}
"""The smallest pool that starts, and operations that keep it busy."""

CLIENTS = 8
NODES = 2
"""How many nodes each client has."""

_AFTERWARDS_SECONDS = 30.0
_ACTIVE = ('manage', 'adopt')
# The states from which nodes start, so that every operation meets a full
# pool, also where a pool that was full once takes no work ever after.
_STARTS = (
    _ACTIVE,
    ('manage',),
    ('manage', 'provide'),
    (*_ACTIVE, 'rescue'),
    (*_ACTIVE, 'service, holding'),
    (*_ACTIVE, 'service, failing'),
)


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
class Record:
    """What clients wrote down; lines for people but for the first three.

    :param altered: fields of a node that a refused request changed.
    :param unended: accepted operations that did not end as they should.
    :param stranded: nodes left in a state that they cannot leave.
    """

    requests: int = 0
    accepted: list[contract.Accepted] = dataclasses.field(default_factory=list)
    refused: int = 0
    others: list[str] = dataclasses.field(default_factory=list)
    altered: list[str] = dataclasses.field(default_factory=list)
    unended: list[str] = dataclasses.field(default_factory=list)
    stranded: list[str] = dataclasses.field(default_factory=list)
    usable: int = 0
    unusable: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: 'Record') -> None:
        """Add what another client wrote down."""
        for field in dataclasses.fields(self):
            total = getattr(self, field.name) + getattr(other, field.name)
            setattr(self, field.name, total)


class _Pending(NamedTuple):
    """An operation that is under way, as it was accepted."""

    operation: lifecycle.Operation
    accepted: contract.Accepted
    deadline: float


class Presser:
    """One client with nodes of its own, for one thread."""

    def __init__(
        self,
        endpoint: str,
        eye: witness.Witness,
        nodes: Sequence[str],
        seed: int,
    ) -> None:
        self.record = Record()
        self._api = Api(endpoint)
        self._eye = eye
        self._pending: dict[str, _Pending | None] = dict.fromkeys(nodes)
        self._random = random.Random(seed)

    def press(self, until: float) -> None:
        """Ask, for as long as there is time, and then wait for the ends."""
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
        wanderer.prepare(self._api, before, operation.verb)
        row = self._row(node)
        for _ in range(1 + _AGAIN):
            if not self._ask(node, operation, row):
                return

    def _ask(
        self, node: str, operation: lifecycle.Operation, row: Mapping[str, Any]
    ) -> bool:
        """Send one request; tell whether to try the same again."""
        body = {'target': operation.verb, **operation.arguments}
        if operation.verb == 'active':
            body['configdrive'] = _CONFIGDRIVE
        asked_at = time.time()
        path = f'/v1/nodes/{node}/states/provision'
        code, answer = self._api.call('PUT', path, body)
        accepted_at = time.time()
        after = self._get(node)
        shown_at = time.time()
        self.record.requests += 1
        if code == 202:
            accepted = contract.Accepted(
                node=node,
                name=str(operation),
                before=operation.start,
                asked_at=asked_at,
                accepted_at=accepted_at,
                shown=after['provision_state'],
                shown_at=shown_at,
                ended_at=shown_at,
            )
            deadline = time.monotonic() + _OPERATION_SECONDS
            self._pending[node] = _Pending(operation, accepted, deadline)
            return False
        what = f'{node} {operation} from {operation.start!r}'
        if code == 503:
            self.record.refused += 1
        else:
            self.record.others.append(f'{what}: {code} {answer!r:.200}')
        now = self._row(node)
        fields = [
            name
            for name in row
            if name not in _MAY_DIFFER and row[name] != now[name]
        ]
        if fields:
            self.record.altered.append(f'{what}: {", ".join(fields)}')
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
            dataclasses.replace(pending.accepted, ended_at=time.time())
        )
        return True

    def _strand(self, node: str, how: str) -> None:
        self.record.stranded.append(f'{node} {how}')
        del self._pending[node]

    def _get(self, node: str) -> Mapping[str, Any]:
        code, body = self._api.call('GET', f'/v1/nodes/{node}')
        if code != 200:
            raise errors.LaboratoryError(f'GET {node}: {code} {body!r}')
        return dict(body)

    def _row(self, node: str) -> Mapping[str, Any]:
        """Read what is stored, passwords and tokens unmasked."""
        query = 'SELECT * FROM nodes WHERE uuid = :uuid'
        (row,) = self._eye.query(query, uuid=node)
        return dict(row._mapping)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of it.

    :param refused_changes: changes of state that no accepted request made.
    :param locks: how many nodes are locked although nothing is under way.
    """

    record: Record
    account: truth.Account
    refused_changes: Sequence[str]
    get_violations: Sequence[str]
    locks: int

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it must be, one line each."""
        record = self.record
        lines = [
            *record.others,
            *record.altered,
            *self.refused_changes,
            *record.unended,
            *record.stranded,
            *(f'{row.name}: {row[2:]}' for row in self.account.rows),
            *self.get_violations,
            *record.unusable,
        ]
        if self.locks:
            lines.append(f'{self.locks} locks left')
        return lines


def measure(running: deployment.Bench, seconds: float) -> Result:
    """Put a running service under load; it is stopped afterwards."""
    ironic = running.ironic
    client = clients.Client(ironic.endpoint)
    # One by one: the pool stays small.
    nodes = [
        client.lead(*_STARTS[number % len(_STARTS)]).id
        for number in range(CLIENTS * NODES)
    ]
    began = running.eye.read()[-1].id
    pressers = [
        Presser(ironic.endpoint, running.eye, own, seed)
        for seed, own in enumerate(zip(*[iter(nodes)] * NODES, strict=True))
    ]
    until = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as executor:
        for work in (
            lambda one: one.press(until),
            lambda one: one.afterwards(_AFTERWARDS_SECONDS),
        ):
            list(executor.map(work, pressers))
    record = Record()
    for one in pressers:
        record.add(one.record)
    locks = running.eye.query(
        'SELECT uuid FROM nodes WHERE reservation IS NOT NULL'
    )
    ironic.stop()
    seen = running.eye.read()
    return Result(
        record=record,
        account=running.account(),
        refused_changes=_of_nobody(
            record.accepted, (one for one in seen if one.id > began)
        ),
        get_violations=contract.violations(record.accepted, seen),
        locks=len(locks),
    )


def _of_nobody(
    accepted: Iterable[contract.Accepted], seen: Iterable[witness.Seen]
) -> list[str]:
    """Find changes that were made while no accepted request was under way."""
    spans = collections.defaultdict(list)
    for one in accepted:
        spans[one.node].append((one.asked_at, one.ended_at))
    slack = contract.TOLERANCE
    return [
        f'{change.node} went from {change.before_state!r} to {change.state!r} '
        'by a request that was refused'
        for change in seen
        if not any(
            asked_at - slack <= change.seen_at <= ended_at
            for asked_at, ended_at in spans[change.node]
        )
    ]
