# SPDX-License-Identifier: Apache-2.0
"""One half of a soak: some services under load, and a fault every minute."""

import contextlib
import dataclasses
import datetime
import pathlib
import time

from ironic_async_events.audit import observation
from laboratory import cluster
from laboratory import configuration
from laboratory import deployment
from laboratory import processes
from laboratory import truth
from laboratory import wanderer
from laboratory.soak import account
from laboratory.soak import faults

PLUGIN, OUTBOX = 'plugin', 'outbox'

# How much of the time between two faults one of them may last.
SHARE = 0.6
_CHECK_SECONDS = 5
_NODES = 200
_CLIENTS = 16
# Seconds between two operations of one client.
_PAUSE = 1.0
_REST = ', '.join(f"'{state}'" for state in wanderer.WAYS)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What to do in one half, with a fault every so many seconds."""

    kind: str
    minutes: float
    interval: float
    seed: int

    @property
    def heartbeat_timeout(self) -> int:
        """Some of those that are killed come back sooner, some later."""
        return max(6, round(self.interval / 4))

    @property
    def options(self) -> configuration.Options:
        """What is different from the laboratory's ``ironic.conf``.

        Ironic's own means against what a fault leaves behind are on, at
        short intervals. A pool has some workers more than Ironic wants at
        least, so that it can be filled.
        """
        own: configuration.Options = {
            'DEFAULT': {'rpc_response_timeout': 20},
            'conductor': {
                'heartbeat_timeout': self.heartbeat_timeout,
                'check_provision_state_interval': _CHECK_SECONDS,
                'sync_local_state_interval': 20,
                'workers_pool_size': 24,
                'reserved_workers_pool_percentage': 10,
                'sync_power_state_workers': 1,
            },
            # Long enough that a fault finds operations under way.
            'fake': {
                'bios_delay': '0,2',
                'deploy_delay': '0,2',
                'inspect_delay': '0,2',
                'power_delay': '0,1',
                'rescue_delay': '0,3',
                'vendor_delay': '5',
            },
            'async_events': {'outbox_lease': 5.0},
        }
        return configuration.merged(cluster.TAKING_OVER, own)


def run(plan: Plan, keep: pathlib.Path | None = None) -> account.Result:
    with (
        cluster.Cluster(faults.CONDUCTORS, plan.options, plan.kind) as place,
        contextlib.ExitStack() as stack,
    ):
        if keep is not None:
            copy = keep / plan.kind
            stack.callback(deployment.keep, place.directory, copy)
        return _run(place, plan)


def _run(place: cluster.Cluster, plan: Plan) -> account.Result:
    struck: list[faults.Struck] = []
    seed, endpoint = plan.seed, place.endpoint
    work = wanderer.Wanderers(endpoint, _CLIENTS, _NODES, seed, _PAUSE)
    _say(plan, f'{_NODES} nodes are there')
    count = int(plan.minutes * 60 / plan.interval)
    began = time.monotonic()
    with work:
        for number, planned in enumerate(faults.plan(seed, count), 1):
            # The first one as late as any other comes after its predecessor,
            # so that there is load; the last one has time to be undone.
            _sleep_until(began + (number - 0.7) * plan.interval)
            seconds = SHARE * plan.interval
            one = faults.strike(place, planned, number, seconds)
            struck.append(one)
            _say(plan, f'{number}/{count} {one}: {one.note}')
        _sleep_until(began + plan.minutes * 60)
    _say(plan, 'waiting until nobody works any more')
    seconds = plan.heartbeat_timeout + 2 * _CHECK_SECONDS + 60
    left = _quiet(place, struck, seconds)
    stranded = []
    if left:
        _say(plan, f'{len(left)} nodes are left, restarting conductors')
        for number in range(faults.CONDUCTORS):
            place.restart(number)
        stranded = _quiet(place, struck, seconds)
    work.settle()
    drained = plan.kind != OUTBOX or place.drained()
    place.consumer.wait_quiet()
    changes = [one for one in place.eye.read() if one.before_state is not None]
    messages = list(place.observations())
    texts = [place.log(number) for number in range(faults.CONDUCTORS)]
    moved = account.logged(account.MOVED, texts)
    unsent = account.logged(account.UNSENT, texts)
    announced = [x for x in messages if isinstance(x, observation.Observation)]
    return account.Result(
        kind=plan.kind,
        may_lose=plan.kind != OUTBOX,
        struck=struck,
        operations=work.operations,
        refused=work.refused,
        not_saved=account.not_saved(work.operations, changes),
        books=truth.compare(place.eye.changes(), messages),
        lost=[
            account.explain(change, struck, moved, unsent)
            for change in account.unannounced(changes, announced)
        ],
        left=left,
        stranded=stranded,
        drained=drained,
    )


def _quiet(
    place: cluster.Cluster, struck: list[faults.Struck], seconds: float
) -> list[account.Left]:
    """Wait until all nodes are at rest; return those that are not."""
    query = (
        'SELECT uuid, provision_state, reservation, updated_at FROM nodes '
        'WHERE reservation IS NOT NULL '
        f'OR provision_state NOT IN ({_REST})'
    )
    processes.wait_for(lambda: not place.eye.query(query), seconds, 1.0)
    found = []
    for node, state, reservation, updated_at in place.eye.query(query):
        since = place.eye.read(node=node)[-1].seen_at
        locked = reservation is not None
        if locked:
            # Nothing else has been written since; there are whole seconds.
            since = updated_at.replace(tzinfo=datetime.UTC).timestamp()
        fault = account.worker_lost_in(since, locked, struck)
        found.append(account.Left(node, state, reservation, since, fault))
    return found


def _sleep_until(when: float) -> None:
    time.sleep(max(0.0, when - time.monotonic()))


def _say(plan: Plan, text: str) -> None:
    print(time.strftime('%H:%M:%S'), f'{plan.kind}: {text}', flush=True)
