# SPDX-License-Identifier: Apache-2.0
"""Clients that lead nodes through lives: rates, times, CPU, statements."""

import collections
from collections.abc import Iterator
from collections.abc import Sequence
import itertools
import logging
import statistics
import sys
import threading
import time
from typing import Any
from typing import TypeVar

from ironic_async_events.outbox import lanes
from laboratory import clients
from laboratory import contract
from laboratory import errors
from laboratory import lifecycle
from laboratory import service
from laboratory import witness
from laboratory.bench import counted
from laboratory.bench import figures
from laboratory.bench import sides
from laboratory.bench import whole

LOG = logging.getLogger(__name__)

_Side = TypeVar('_Side')
_SECONDS = 120.0
# A conductor's sign of life is no operation's statement.
_SILENT = {'heartbeat_interval': 3600, 'heartbeat_timeout': 7200}
# The relay, and the log of the statements, are done by then.
_SETTLED = 1.0
_ANNOUNCED = 0.5
# Clients that ask more seldom, lives of each, share of what sides can do.
_NOT_FULL, _LIVES, _SHARE = 8, 2, 0.45


def measure(
    form: sides.Form, compared: Sequence[sides.Side] = sides.SIDES
) -> dict[str, Any]:
    measured = {}
    for backend, how_many in form.clients.items():
        with sides.started(backend, sides=compared) as running:
            for each in running:
                # What is done for the first time takes its time.
                play(each, max(how_many), 1)
            idle = whole.idle(running[0], seconds=3.0)
            rounds = {}
            for number, lives in how_many.items():
                every = [
                    _round(order, number, lives)
                    for order in orders(running, form.rounds)
                ]
                rounds[str(number)] = every
                if number == _NOT_FULL:
                    rounds[f'{number}, not full'] = [
                        _round(order, number, _LIVES, _SHARE * _rate(every))
                        for order in orders(running, form.rounds)
                    ]
            # Services that are stopped announce what is still to be announced.
            for each in running:
                each.bench.ironic.stop()
            measured[backend.name] = {
                'clients': rounds,
                'idle': idle,
                'notifications': {
                    each.side.name: each.bench.account().as_dict()
                    for each in running
                },
            }
    return measured


def orders(running: Sequence[_Side], rounds: int) -> Iterator[Sequence[_Side]]:
    """Turn the order of the sides from round to round.

    What a side finds is what the side before it left behind. In six rounds,
    each of three sides is first, second and third twice, and comes three
    times after each other side.
    """
    every = [
        [*way[first:], *way[:first]]
        for way in (running, running[::-1])
        for first in range(len(running))
    ]
    return itertools.islice(itertools.cycle(every), rounds)


def _rate(rounds: figures.Rounds) -> float:
    """Return the operations per second that the sides can do."""
    every = itertools.chain(*(each.values() for each in rounds))
    return statistics.median(float(own.get('rate', 0)) for own in every)


class Pace:
    """Let operations begin one after the other, in equal distances.

    :param rate: operations per second, of all clients; 0: as they come.
    """

    def __init__(self, rate: float) -> None:
        self._distance = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._distance
        time.sleep(at - now)


def _round(
    running: Sequence[sides.Running], number: int, lives: int, rate: float = 0
) -> dict[str, Any]:
    """Do a round; a side that goes wrong is noted down and ends nothing.

    On SQLite, which knows no queue for writers, many clients can be more
    than Ironic's patience with a locked database.
    """
    measured: dict[str, Any] = {}
    for each in running:
        try:
            measured[each.side.name] = play(each, number, lives, rate)
        except errors.LaboratoryError as error:
            _wait_unlocked(each)
            measured[each.side.name] = {figures.FAILED: str(error)}
    LOG.info(
        '%d clients%s: %s operations per second',
        number,
        ', not full' if rate else '',
        ', '.join(f'{m.get("rate", 0.0):.2f}' for m in measured.values()),
    )
    return measured


def _wait_unlocked(running: sides.Running) -> None:
    query = 'SELECT count(*) FROM nodes WHERE reservation IS NOT NULL'
    running.bench.ironic.running[0].require(
        lambda: not running.bench.eye.query(query)[0][0],
        _SECONDS,
        'unlock its nodes',
    )


def play(
    running: sides.Running, number: int, lives: int, rate: float = 0
) -> dict[str, Any]:
    """Let clients lead so many lives each, one after the other.

    :param rate: of the operations; 0: the clients ask as fast as they can.
    """
    eye, endpoint = running.bench.eye, running.bench.ironic.endpoint
    seen = eye.last()
    before = whole.read(running)
    accepted = clients.drive(
        endpoint, number, lives, sides.LIFE, pace=Pace(rate).wait
    )
    at_end = whole.read(running)
    # What is announced by then is the operations', too.
    time.sleep(_ANNOUNCED)
    used = whole.used(before, at_end, whole.read(running), len(accepted))
    # Without the making of connections and of nodes.
    began = min(request.asked_at for request in accepted)
    ended = max(request.ended_at for request in accepted)
    return {
        'operations': len(accepted),
        'rate': len(accepted) / (ended - began),
        **used,
        **times(accepted, eye.read(seen)),
    }


def durations(
    accepted: Sequence[contract.Accepted], changes: Sequence[witness.Seen]
) -> dict[str, list[float]]:
    """Compute how long requests and operations took.

    The end of an operation is its last committed change, not the moment at
    which a client that polls finds out. An operation with a single change,
    made for the request itself, has no end of its own.
    """
    by_node: dict[str, list[float]] = {}
    for change in changes:
        if change.before_state is not None:
            by_node.setdefault(change.node, []).append(change.seen_at)
    took: dict[str, list[float]] = {
        'put_to_202': [request.latency for request in accepted],
        '202_to_end': [],
        'put_to_end': [],
    }
    for request in accepted:
        begin = request.asked_at - contract.TOLERANCE
        own = [
            at
            for at in by_node.get(request.node, ())
            if begin <= at <= request.ended_at
        ]
        if len(own) > 1:
            took['202_to_end'].append(own[-1] - request.accepted_at)
            took['put_to_end'].append(own[-1] - request.asked_at)
    return took


def times(
    accepted: Sequence[contract.Accepted], changes: Sequence[witness.Seen]
) -> dict[str, float]:
    measured = {}
    for name, values in durations(accepted, changes).items():
        measured[f'{name}_mean'] = statistics.fmean(values)
        p50, p99 = percentiles(values)
        measured |= {f'{name}_p50': p50, f'{name}_p99': p99}
    return measured


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the median, and what one of a hundred exceeds."""
    twice = [*values] * (1 + (len(values) == 1))
    cuts = statistics.quantiles(twice, n=100, method='inclusive')
    return cuts[49], cuts[98]


def _counting(shared: sides.Servers, side: sides.Side) -> service.Ironic:
    """Configure a side whose conductor writes its statements down."""
    return sides.configured(
        shared,
        side,
        split=True,
        options={'conductor': _SILENT},
        command=[
            *(sys.executable, '-m', counted.__name__),
            str(shared.directory / f'{side.name}.statements'),
            service.script('ironic-conductor'),
        ],
    )


def measure_statements(form: sides.Form) -> dict[str, Any]:
    """Lead one node through its whole life on each side."""
    measured = {}
    for backend in form.clients:
        with sides.started(backend, _counting) as running:
            measured[backend.name] = {
                each.side.name: _count(each) for each in running
            }
    return measured


def _count(running: sides.Running) -> dict[str, Any]:
    endpoint, eye = running.bench.ironic.endpoint, running.bench.eye
    # What is only done once in a process is not counted.
    clients.drive(endpoint, 1, 1, sides.LIFE)
    time.sleep(_SETTLED)
    seen = eye.last()
    log = running.shared.directory / f'{running.side.name}.statements'
    log.write_bytes(b'')
    accepted = clients.drive(endpoint, 1, 1, lifecycle.here())
    time.sleep(_SETTLED)
    by_threads = counted.read(log)
    return {
        'operations': len(accepted),
        'transitions': sum(
            change.before_state is not None for change in eye.read(seen)
        ),
        'by_relay': by_threads.pop(lanes.THREAD, {}),
        'by_operations': sum(by_threads.values(), collections.Counter()),
    }
