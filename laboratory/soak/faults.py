# SPDX-License-Identifier: Apache-2.0
"""What a soak does to the services, and how that is undone.

Which fault comes when is settled by a seed before the run begins.
"""

from collections.abc import Callable
from collections.abc import Mapping
import concurrent.futures
import dataclasses
import random
import time

from laboratory import cluster
from laboratory import processes
from laboratory.api import Api

CONDUCTORS = 2
Seen = tuple[str, bool]
_CALLERS = 4
_PAUSE = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    name: str
    victim: int
    share: float


@dataclasses.dataclass(frozen=True, slots=True)
class Struck:
    number: int
    name: str
    victim: int | None
    began: float
    ended: float
    note: str
    took_effect: bool = True

    def __str__(self) -> str:
        whom = '' if self.victim is None else f' of conductor {self.victim}'
        return f'{self.name}{whom}'


def plan(seed: int, count: int) -> list[Planned]:
    chance = random.Random(seed)
    found: list[Planned] = []
    while len(found) < count:
        names = sorted(FAULTS)
        chance.shuffle(names)
        found += [
            Planned(name, chance.randrange(CONDUCTORS), chance.random())
            for name in names
        ]
    return found[:count]


def strike(
    place: cluster.Cluster, planned: Planned, number: int, seconds: float
) -> Struck:
    began = time.time()
    note, took_effect = FAULTS[planned.name](place, planned, seconds)
    victim = None if planned.name in (BROKER, DATABASE) else planned.victim
    return Struck(
        number, planned.name, victim, began, time.time(), note, took_effect
    )


def _kill(place: cluster.Cluster, planned: Planned, seconds: float) -> Seen:
    """Kill a conductor; sometimes the other one has time to take over."""
    place.kill(planned.victim)
    gone = away(planned, seconds)
    time.sleep(gone)
    place.come_back(planned.victim)
    return f'dead for {gone:.0f} s', True


def _broker(place: cluster.Cluster, planned: Planned, seconds: float) -> Seen:
    place.broker.stop()
    gone = away(planned, seconds / 2)
    time.sleep(gone)
    place.broker.start()
    return f'away for {gone:.0f} s', True


def _database(
    place: cluster.Cluster, planned: Planned, seconds: float
) -> Seen:
    began = time.monotonic()
    place.restart_database()
    return f'away for {time.monotonic() - began:.1f} s', True


def _pool(place: cluster.Cluster, planned: Planned, seconds: float) -> Seen:
    """Keep all workers of a conductor busy, with calls that take no lock."""
    # Without a limit: Ironic would look at as many nodes, whose ever they are.
    code, found = Api(place.endpoint).call(
        'GET', f'/v1/nodes?conductor={place.host(planned.victim)}'
    )
    if code != 200 or not found['nodes']:
        return 'no node is with this conductor', False
    node = found['nodes'][0]['uuid']
    # It takes a while until it is full.
    deadline = time.monotonic() + seconds / 2 + away(planned, seconds / 2)

    method = 'vendor_passthru?method=fourth_method_shared_lock'
    codes: list[int] = []

    def press(_: int) -> None:
        api = Api(place.endpoint)
        while time.monotonic() < deadline:
            path = f'/v1/nodes/{node}/{method}'
            code, _answer = api.call('POST', path, {'bar': 'woof'})
            codes.append(code)
            if code != 202:
                time.sleep(_PAUSE)

    with concurrent.futures.ThreadPoolExecutor(_CALLERS) as executor:
        list(executor.map(press, range(_CALLERS)))
    note = f'{codes.count(202)} calls taken, {codes.count(503)} turned away'
    return note, 503 in codes


def _sighup(place: cluster.Cluster, planned: Planned, seconds: float) -> Seen:
    """Have a conductor read its configuration, in which one option changed.

    On native threads, Ironic's main process replaces the one that works.
    """
    victim = planned.victim
    line = 'Option async_events.start_timeout changed'
    reads, starts = place.log(victim).count(line), place.starts(victim)
    timeout = round(25 + 10 * planned.share, 3)
    place.reload(victim, {'async_events': {'start_timeout': timeout}})
    replaced = processes.wait_for(
        lambda: place.starts(victim) > starts, seconds, _PAUSE
    )
    was_read = place.log(victim).count(line) > reads
    alive = place.conductors[victim].returncode is None
    notes = [
        'the option was read' if was_read else 'the option was NOT read',
        'another process works' if replaced else 'the same process works',
    ]
    return ', '.join(notes if alive else ['it DIED']), was_read and alive


def away(planned: Planned, seconds: float) -> float:
    """Return how long a service is away: from a tenth of the time to all."""
    return seconds * (0.1 + 0.9 * planned.share)


KILL = 'kill -9'
BROKER = 'broker away'
DATABASE = 'database restarted'
POOL = 'full pool'
SIGHUP = 'SIGHUP'

FAULTS: Mapping[str, Callable[[cluster.Cluster, Planned, float], Seen]] = {
    KILL: _kill,
    BROKER: _broker,
    DATABASE: _database,
    POOL: _pool,
    SIGHUP: _sighup,
}
"""By the name that is printed: does a fault and undoes it; returns what was
seen of it, and whether it was what it should be."""
