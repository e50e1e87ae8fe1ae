# SPDX-License-Identifier: Apache-2.0
"""One half of a soak: some services under load, and a fault every minute."""

from collections.abc import Mapping
import dataclasses
import datetime
import pathlib
import shutil
import time

from ironic_async_events.audit import observation
from laboratory import cluster
from laboratory import configuration
from laboratory import processes
from laboratory import truth
from laboratory import wanderer
from laboratory.soak import account
from laboratory.soak import faults
from laboratory.soak import load
from laboratory.soak import logs
from laboratory.soak import result

PLUGIN = 'plugin'
OUTBOX = 'outbox'

DRIVERS: Mapping[str, tuple[str, ...]] = {
    PLUGIN: ('messagingv2', 'async_events'),
    OUTBOX: ('async_events_outbox',),
}
"""The notification drivers of each half."""

# How much of the time between two faults one of them may last.
SHARE = 0.6
_CHECK_SECONDS = 5
_REST = ', '.join(f"'{state}'" for state in wanderer.WAYS)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What to do in one half.

    :param kind: :data:`PLUGIN` or :data:`OUTBOX`.
    :param minutes: of load.
    :param interval: seconds from one fault to the next.
    :param nodes: how many nodes.
    :param clients: how many clients.
    :param pause: seconds between two operations of one client.
    :param seed: for the faults, and for what the clients do.
    :param keep: a directory for configuration, logs and notifications.
    """

    kind: str
    minutes: float
    interval: float
    nodes: int
    clients: int
    pause: float
    seed: int
    keep: pathlib.Path | None = None

    @property
    def heartbeat_timeout(self) -> int:
        """After how many seconds of silence a conductor is taken for dead.

        Some of those that are killed come back sooner, some later.
        """
        return max(6, round(self.interval / 4))

    @property
    def options(self) -> configuration.Options:
        """What is different from the laboratory's ``ironic.conf``.

        Ironic's own means against what a fault leaves behind are on, at
        short intervals. A pool has some workers more than Ironic wants at
        least, so that it can be filled.
        """
        return {
            'DEFAULT': {
                'rpc_transport': 'oslo',
                'rpc_response_timeout': 20,
                'hash_ring_reset_interval': 3,
            },
            'conductor': {
                'heartbeat_interval': 2,
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


def run(plan: Plan) -> result.Result:
    """Do one half.

    :param plan: what to do.
    :returns: what became of it.
    :raises LaboratoryError: when a service does not start, or does not come
        back.
    """
    with cluster.Cluster(
        faults.CONDUCTORS, plan.options, DRIVERS[plan.kind]
    ) as place:
        try:
            return _run(place, plan)
        finally:
            if plan.keep is not None:
                _keep(place.directory, plan.keep / plan.kind)


def _run(place: cluster.Cluster, plan: Plan) -> result.Result:
    struck: list[faults.Struck] = []
    work = load.Load(
        place.endpoint, plan.clients, plan.nodes, plan.seed, plan.pause
    )
    _say(f'{plan.kind}: {len(work.nodes)} nodes are there')
    count = int(plan.minutes * 60 / plan.interval)
    began = time.monotonic()
    with work:
        for number, planned in enumerate(faults.plan(plan.seed, count), 1):
            # The first one as late as any other comes after its predecessor,
            # so that there is load; the last one has time to be undone.
            time.sleep(
                max(
                    0.0,
                    began + (number - 0.7) * plan.interval - time.monotonic(),
                )
            )
            struck.append(
                faults.strike(place, planned, number, SHARE * plan.interval)
            )
            one = struck[-1]
            _say(f'{plan.kind}: {number}/{count} {one}: {one.note}')
        time.sleep(max(0.0, began + plan.minutes * 60 - time.monotonic()))
    _say(f'{plan.kind}: waiting until nobody works any more')
    seconds = plan.heartbeat_timeout + 2 * _CHECK_SECONDS + 60
    left = _quiet(place, struck, seconds)
    stranded: list[account.Left] = []
    if left:
        _say(f'{plan.kind}: {len(left)} nodes are left, restarting conductors')
        for number in range(faults.CONDUCTORS):
            place.restart(number)
        stranded = _quiet(place, struck, seconds)
    work.settle()
    drained = plan.kind != OUTBOX or place.drained()
    place.consumer.wait_quiet()
    return _judge(place, plan, struck, work, left, stranded, drained)


def _quiet(
    place: cluster.Cluster, struck: list[faults.Struck], seconds: float
) -> list[account.Left]:
    """Wait until all nodes are at rest; return those that are not."""
    query = (
        'SELECT uuid, provision_state, reservation, updated_at FROM nodes '
        'WHERE reservation IS NOT NULL '
        f'OR provision_state NOT IN ({_REST})'
    )
    processes.wait_for(lambda: not place.query(query), seconds, 1.0)
    found = []
    for node, state, reservation, updated_at in place.query(query):
        since = place.eye.read(node=node)[-1].seen_at
        locked = reservation is not None
        if locked:
            # Nothing else has been written since; there are whole seconds.
            since = updated_at.replace(tzinfo=datetime.UTC).timestamp()
        fault = account.worker_lost_in(since, locked, struck)
        found.append(account.Left(node, state, reservation, since, fault))
    return found


def _judge(
    place: cluster.Cluster,
    plan: Plan,
    struck: list[faults.Struck],
    work: load.Load,
    left: list[account.Left],
    stranded: list[account.Left],
    drained: bool,
) -> result.Result:
    changes = [one for one in place.eye.read() if one.before_state is not None]
    seen = list(place.observations())
    books = truth.compare(
        [(one.node, one.before_state, one.state) for one in changes], seen
    )
    texts = [
        place.log(number).splitlines() for number in range(faults.CONDUCTORS)
    ]
    moved = [x for n, text in enumerate(texts) for x in logs.moved(n, text)]
    given_up = [
        x for n, text in enumerate(texts) for x in logs.given_up(n, text)
    ]
    lost = [
        account.explain(
            change,
            struck,
            moved,
            given_up,
        )
        for change in account.unannounced(
            changes,
            [one for one in seen if isinstance(one, observation.Observation)],
        )
    ]
    return result.Result(
        kind=plan.kind,
        minutes=plan.minutes,
        seed=plan.seed,
        struck=struck,
        operations=work.operations,
        refused=work.refused,
        not_saved=account.not_saved(work.operations, changes),
        books=books,
        lost=lost,
        left=left,
        stranded=stranded,
        drained=drained,
        said={
            one.node: [
                line
                for text in texts
                for line in logs.about(one.node, text, 4)
            ]
            for one in (*left, *stranded)
        },
    )


def _keep(directory: pathlib.Path, keep: pathlib.Path) -> None:
    for pattern in ('*/*.log', '*/*.conf', '*.jsonl'):
        for path in directory.glob(pattern):
            target = keep / path.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def _say(text: str) -> None:
    print(time.strftime('%H:%M:%S'), text, flush=True)
