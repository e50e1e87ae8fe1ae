# SPDX-License-Identifier: Apache-2.0
"""A conductor with hardly any workers, and clients that do not wait.

``python -m laboratory.overload`` prints one table:
what became of the requests, the nodes, the notifications and the locks.
"""

import argparse
import collections
from collections.abc import Iterable
from collections.abc import Sequence
import concurrent.futures
import contextlib
import json
import pathlib
import sys
import time

import sqlalchemy
from sqlalchemy import pool

from laboratory import clients
from laboratory import configuration
from laboratory import contract
from laboratory import errors
from laboratory import lifecycle
from laboratory import overload_result
from laboratory import plan
from laboratory import prepared_bench as bench
from laboratory import pressure
from laboratory import processes
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
_BY_NAME = {str(one): one for one in lifecycle.LIFE}
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


def execute(
    plugin: bool, seconds: float, keep: pathlib.Path | None = None
) -> overload_result.Result:
    """Put one service under load and look what became of it.

    :param plugin: with the plugin, or stock.
    :param seconds: for how long.
    :param keep: a directory for configuration, logs and recordings.
    :returns: what became of it.
    :raises LaboratoryError: when something is missing or does not start.
    """
    wanted = plan.Run(plugin=plugin, options=OPTIONS)
    with bench.started(wanted, keep) as running:
        result = measure(running, plugin, seconds)
    if keep is not None:
        (keep / 'overload.json').write_text(
            json.dumps(
                {'counts': result.counts(), 'faults': result.faults}, indent=2
            )
        )
    return result


def measure(
    running: bench.Bench, plugin: bool, seconds: float
) -> overload_result.Result:
    """Put a running service under load; it is stopped afterwards.

    :param running: what runs, with :data:`OPTIONS`.
    :param plugin: with the plugin, or stock.
    :param seconds: for how long.
    :returns: what became of it.
    """
    ironic = running.ironic
    nodes = _nodes(ironic.endpoint, CLIENTS * NODES)
    began = running.eye.read()[-1].id
    pressers = [
        pressure.Presser(ironic.endpoint, ironic.database, own, seed)
        for seed, own in enumerate(zip(*[iter(nodes)] * NODES, strict=True))
    ]
    until = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as executor:
        for work in (
            lambda one: one.press(until),
            lambda one: one.afterwards(_AFTERWARDS_SECONDS),
        ):
            list(executor.map(work, pressers))
    record = overload_result.Record()
    for one in pressers:
        record.add(one.record)
    locks = _locks(ironic.database)
    ironic.stop()
    seen = running.eye.read()
    return overload_result.Result(
        plugin=plugin,
        record=record,
        account=running.account(),
        refused_changes=_of_nobody(
            record.accepted, (one for one in seen if one.id > began)
        ),
        get_violations=contract.violations(record.accepted, seen),
        locks=locks,
    )


def _nodes(endpoint: str, count: int) -> list[str]:
    """Bring nodes to where they start, one by one: the pool stays small."""
    client = clients.Client(endpoint)
    nodes = []
    for number in range(count):
        node = client.create()
        for name in _STARTS[number % len(_STARTS)]:
            client.operate(node, _BY_NAME[name])
        nodes.append(node.id)
    return nodes


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


def _locks(database: str) -> int:
    engine = sqlalchemy.create_engine(database, poolclass=pool.NullPool)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            'SELECT COUNT(*) FROM nodes WHERE reservation IS NOT NULL'
        )
        return int(found.scalar_one())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print the table.

    :param arguments: of the command line.
    :returns: 0 when all is well with the plugin, 1 when something is not, 2
        when a run could not be done.
    """
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.overload',
        description='Ask a conductor with five workers for more than it can '
        'do, and count what became of requests, nodes and notifications.',
    )
    parser.add_argument(
        '--stock',
        action='store_true',
        help='afterwards the same on stock Ironic, for comparison',
    )
    parser.add_argument(
        '--minutes', type=float, default=10.0, help='of load (default: 10)'
    )
    parser.add_argument(
        '--keep',
        type=pathlib.Path,
        metavar='DIR',
        help='keep configuration, logs, recordings and figures in DIR',
    )
    parsed = parser.parse_args(arguments)
    processes.end_on_sigterm()
    results = []
    try:
        for plugin in (True, False)[: 1 + parsed.stock]:
            name = 'plugin' if plugin else 'stock'
            keep = parsed.keep / name if parsed.keep else None
            results.append(execute(plugin, parsed.minutes * 60, keep))
    except errors.LaboratoryError as error:
        print(f'overload: {error}', file=sys.stderr)
        return 2
    print(overload_result.table(results))
    for result in results:
        name = 'plugin' if result.plugin else 'stock'
        for line in result.faults[:10]:
            print(f'{name}: {line}')
    return 1 if results[0].faults else 0


if __name__ == '__main__':
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
