# SPDX-License-Identifier: Apache-2.0
"""A conductor with hardly any workers, and clients that do not wait."""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import concurrent.futures
import dataclasses
import time

from laboratory import clients
from laboratory import configuration
from laboratory import contract
from laboratory import deployment
from laboratory import pressure
from laboratory import truth
from laboratory import witness

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


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of it.

    :param record: what the clients wrote down.
    :param account: changes and notifications compared.
    :param refused_changes: changes of state that no accepted request made.
    :param get_violations: one line for each 202 that was not kept.
    :param locks: how many nodes are locked although nothing is under way.
    """

    record: pressure.Record
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
    """Put a running service under load; it is stopped afterwards.

    :param running: what runs, with :data:`OPTIONS`.
    :param seconds: for how long.
    :returns: what became of it.
    """
    ironic = running.ironic
    client = clients.Client(ironic.endpoint)
    # One by one: the pool stays small.
    nodes = [
        client.lead(*_STARTS[number % len(_STARTS)]).id
        for number in range(CLIENTS * NODES)
    ]
    began = running.eye.read()[-1].id
    pressers = [
        pressure.Presser(ironic.endpoint, running.eye, own, seed)
        for seed, own in enumerate(zip(*[iter(nodes)] * NODES, strict=True))
    ]
    until = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as executor:
        for work in (
            lambda one: one.press(until),
            lambda one: one.afterwards(_AFTERWARDS_SECONDS),
        ):
            list(executor.map(work, pressers))
    record = pressure.Record()
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
