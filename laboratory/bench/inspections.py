# SPDX-License-Identifier: Apache-2.0
"""Many nodes, and requests for inspections: no GET before, none after.

They show memory, and what a broker in trouble costs.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import concurrent.futures
import contextlib
import itertools
import logging
import socket
import threading
import time
from typing import Any
from typing import NamedTuple
from typing import Self
import uuid as uuids

import requests
import sqlalchemy as sa

from laboratory import clients
from laboratory import errors
from laboratory import processes
from laboratory import service
from laboratory import witness
from laboratory.api import Api
from laboratory.bench import sides
from laboratory.bench import usage

LOG = logging.getLogger(__name__)

_CHUNK = 65536
_SECONDS = 60.0
_BUSY = (409, 503)
_PAUSE = 0.1
_AT_ONCE = 500
# An inspection starts and ends in it: a node can be asked again.
_AT_REST = 'manageable'
# So many nodes that an operation has ended before its node is asked again.
_NODES = 250
_SAMPLES = 10
_SETTLED = 1.0
# Longer than it takes to ask for all of them.
_RUNS_SECONDS = 30
# How many seconds a slow broker takes for a publish.
_DELAY = 0.2
# Until a service has found out that the broker is back.
_RECOVERY_SECONDS = 180.0


def add(running: sides.Running, how_many: int) -> list[str]:
    """Put copies of the row of a node that is ``manageable`` beside it."""
    first = clients.Client(running.bench.ironic.endpoint).lead('manage')
    return [
        first.id,
        *copies(running.bench.eye.engine, first.id, how_many - 1),
    ]


def copies(engine: sa.Engine, uuid: str, how_many: int) -> list[str]:
    """Put copies of a node's row beside it; each names itself where it did."""
    table = sa.Table('nodes', sa.MetaData(), autoload_with=engine)
    fresh = [str(uuids.uuid4()) for _ in range(how_many)]
    with engine.begin() as connection:
        query = sa.select(table).where(table.c.uuid == uuid)
        row = dict(connection.execute(query).mappings().one())
        del row['id']
        for begin in range(0, len(fresh), _AT_ONCE):
            rows = [
                {
                    name: value.replace(uuid, new)
                    if isinstance(value, str)
                    else value
                    for name, value in row.items()
                }
                for new in fresh[begin : begin + _AT_ONCE]
            ]
            connection.execute(sa.insert(table), rows)
    return fresh


def count(running: sides.Running, where: str = '1 = 1') -> int:
    query = f'SELECT count(*) FROM nodes WHERE {where}'
    return int(running.bench.eye.query(query)[0][0])


def wait_unlocked(running: sides.Running, seconds: float) -> None:
    if not processes.wait_for(
        lambda: not count(running, 'reservation IS NOT NULL'), seconds, _PAUSE
    ):
        raise errors.LaboratoryError(
            f'{running.side.name}: nodes are locked after {seconds:.0f} s'
        )


class Asked(NamedTuple):
    """A request, and how long its 202 took; None: it did not come in time."""

    node: str
    asked_at: float
    seconds: float | None


def ask(
    running: sides.Running,
    nodes: Sequence[str],
    threads: int = 8,
    timeout: float = _SECONDS,
) -> list[Asked]:
    """Send one request for each node, some of them at once."""
    local = threading.local()

    def connect() -> None:
        local.api = Api(running.bench.ironic.endpoint, timeout=timeout)

    def send(node: str) -> Asked:
        path = f'/v1/nodes/{node}/states/provision'
        deadline = time.monotonic() + timeout
        while True:
            asked_at, began = time.time(), time.monotonic()
            code, answer = local.api.call('PUT', path, {'target': 'inspect'})
            if code == 202:
                return Asked(node, asked_at, time.monotonic() - began)
            if isinstance(answer, requests.Timeout):
                return Asked(node, asked_at, None)
            if code not in _BUSY or time.monotonic() > deadline:
                raise errors.LaboratoryError(
                    f'the inspection of {node} was answered with '
                    f'{code}: {answer!r}'
                )
            time.sleep(_PAUSE)

    with concurrent.futures.ThreadPoolExecutor(threads, '', connect) as pool:
        return list(pool.map(send, nodes))


def ends(
    eye: witness.Witness,
    asked: Iterable[Asked],
    after: int,
    seconds: float = _SECONDS,
) -> list[float | None]:
    """Wait until operations are at their ends.

    :param after: the last change that the witness had seen before them.
    :returns: for each request, seconds from it to the last change of its
        node; None if it has not ended in this time.
    """
    last: dict[str, Any] = {}

    def taken() -> list[float | None]:
        last.update((change.node, change) for change in eye.read(after))
        return [
            last[node].seen_at - asked_at
            if node in last and last[node].state == _AT_REST
            else None
            for node, asked_at, _ in asked
        ]

    processes.wait_for(lambda: None not in taken(), seconds, _PAUSE)
    return taken()


def last_seen(eye: witness.Witness) -> int:
    return max((change.id for change in eye.read()), default=0)


def measure_memory(form: sides.Form) -> dict[str, Any]:
    rounds = range(form.running_rounds)
    return {
        'running': [_while_running(form.running) for _ in rounds],
        'churn': _churn(form.churn // _SAMPLES),
    }


def _while_running(number: int) -> dict[str, Any]:
    def configure(shared: sides.Servers, side: sides.Side) -> service.Ironic:
        options = {'fake': {'inspect_delay': str(_RUNS_SECONDS)}}
        return sides.configured(shared, side, options=options)

    measured = {}
    with sides.started(sides.MARIADB, configure) as running:
        for each in running:
            nodes = add(each, number)
            before = _settled(each)
            ask(each, nodes)
            during = _settled(each)
            at_work = count(each, "provision_state = 'inspecting'")
            if at_work < number:
                raise errors.LaboratoryError(f'only {at_work} still run')
            measured[each.side.name] = {
                'operations': at_work,
                'before': before,
                'during': during,
            }
        for each in running:
            for process in each.bench.ironic.running:
                # Nobody waits for operations that only wait.
                process.grace = 0.0
    return measured


def _churn(part: int) -> dict[str, list[tuple[int, int]]]:
    samples: dict[str, list[tuple[int, int]]] = {}

    def churn(running: sides.Running, nodes: Sequence[str]) -> None:
        eye = running.bench.eye
        after = last_seen(eye)
        if None in ends(eye, ask(running, nodes), after):
            raise errors.LaboratoryError('an operation did not end in time')

    with (
        sides.started(sides.MARIADB) as running,
        # At once: no time is measured, and no conductor can use two
        # processors.
        concurrent.futures.ThreadPoolExecutor(len(running)) as pool,
    ):
        nodes = [itertools.cycle(add(each, _NODES)) for each in running]
        for number in range(part, _SAMPLES * part + 1, part):
            chosen = [list(itertools.islice(each, part)) for each in nodes]
            list(pool.map(churn, running, chosen))
            for each in running:
                sample = (number, _settled(each))
                samples.setdefault(each.side.name, []).append(sample)
            LOG.info('%d operations are done', number)
    return samples


def _settled(running: sides.Running) -> int:
    time.sleep(_SETTLED)
    return usage.memory(running.conductor)


class SlowBroker:
    """A broker that is slow, or down: a proxy on loopback before it."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.delay = 0.0
        """How many seconds is held up what a client sends, so each publish."""
        self._broker = port
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.down()

    def up(self) -> None:
        """Let clients in, always at the same port."""
        listener = socket.create_server(('127.0.0.1', self.port))
        self.port = listener.getsockname()[1]
        self._open = [listener]
        threading.Thread(
            target=self._accept, args=(listener,), daemon=True
        ).start()

    def down(self) -> None:
        """Close all connections, and refuse new ones."""
        _end(*self._open)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                broker = socket.create_connection(('127.0.0.1', self._broker))
                self._open += client, broker
                for pair in ((client, broker), (broker, client)):
                    threading.Thread(
                        target=self._pass, args=pair, daemon=True
                    ).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        """Pass on what comes; when one way ends, so does the other way."""
        with contextlib.suppress(OSError):
            to_broker = target.getpeername()[1] == self._broker
            while chunk := source.recv(_CHUNK):
                if to_broker:
                    time.sleep(self.delay)
                target.sendall(chunk)
        _end(source, target)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        # Wakes who waits for it.
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def measure_trouble(form: sides.Form) -> dict[str, Any]:
    """Do rounds in which the broker is healthy, slow, and down.

    Conductor and API are one process: a request reaches the conductor
    without the broker, and what waits for it is the notification alone.
    """
    proxies: dict[str, SlowBroker] = {}
    with contextlib.ExitStack() as stack:

        def configure(
            shared: sides.Servers, side: sides.Side
        ) -> service.Ironic:
            assert shared.rabbitmq is not None
            proxy = SlowBroker(shared.rabbitmq.port)
            proxies[side.name] = stack.enter_context(proxy)
            return sides.configured(shared, side, split=False, port=proxy.port)

        running = stack.enter_context(sides.started(sides.MARIADB, configure))
        nodes = {each.side.name: add(each, form.asked) for each in running}
        rounds = []
        for number in range(form.trouble_rounds):
            measured = {}
            for each in running:
                name = each.side.name
                measured[name] = _in_trouble(
                    each, proxies[name], nodes[name], form.down_seconds
                )
            rounds.append(measured)
            LOG.info('broker in trouble: round %d is done', number + 1)
        return {'rounds': rounds, 'down_seconds': form.down_seconds}


def _in_trouble(
    running: sides.Running,
    proxy: SlowBroker,
    nodes: Sequence[str],
    down_seconds: float,
) -> dict[str, Any]:
    eye, measured = running.bench.eye, {}
    for state, delay, threads, patience in (
        ('healthy', 0.0, 1, _SECONDS),
        # The end is announced as well, and as slowly.
        ('slow', _DELAY, 1, _SECONDS),
        ('down', 0.0, len(nodes), down_seconds),
    ):
        proxy.delay = delay
        if state == 'down':
            proxy.down()
        after, began = last_seen(eye), time.monotonic()
        asked = ask(running, nodes, threads, patience)
        # Who waited for an answer has waited for an end as well.
        left = began + patience - time.monotonic()
        measured[state] = {
            'put_to_202': [request.seconds for request in asked],
            'put_to_end': ends(eye, asked, after, left),
        }
        if state == 'down':
            proxy.up()
        # What was held up is done before the next state.
        wait_unlocked(running, _RECOVERY_SECONDS)
    return measured
