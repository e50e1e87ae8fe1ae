# SPDX-License-Identifier: Apache-2.0
"""One side with its nodes: most of them wait, some lead lives."""

import collections
import concurrent.futures
import itertools
import threading
import time
from typing import Any
import uuid as uuids

import sqlalchemy as sa

from laboratory import clients
from laboratory import configuration
from laboratory import contract
from laboratory import errors
from laboratory import lifecycle
from laboratory import processes
from laboratory import service
from laboratory.api import Api
from laboratory.bench import load
from laboratory.bench import sides
from laboratory.bench import usage
from laboratory.hardware import agents

LIFE = [
    lifecycle.operation(name)
    for name in ('provide', 'active', 'deleted', 'manage, available')
]
"""A life with three cleanings or deployments that wait for an agent."""

OPTIONS: configuration.Options = {
    'DEFAULT': {
        'enabled_deploy_interfaces': 'custom-agent',
        'default_deploy_interface': 'custom-agent',
    },
    # Encryption is none of the costs here.
    'agent': {'require_tls': False},
    # Only the agents want to know.
    'service_catalog': {'endpoint_override': 'http://127.0.0.1:1'},
}
_CLIENTS, _THREADS = 3, 32
_WAITS = 'clean wait'
_SETTLED = 1.0
_SECONDS = 60.0
_AT_ONCE = 500


# Their clients say when they are heard of.
_QUICK = agents.Bend(mute=True)
_BUSY = agents.Bend(mute=True, seconds=1e6)


class _Client(clients.Client):
    """A client that wakes the agent of its node."""

    def __init__(
        self,
        own: agents.Agents,
        accepted: list[contract.Accepted],
        bend: agents.Bend = _QUICK,
    ) -> None:
        super().__init__(own.endpoint, accepted)
        self._own = own
        self.node = self.create()
        own.bends[self.node.id] = bend
        self.agent = own.boot(self.node.id)
        self._path = itertools.cycle(LIFE)
        self._next = next(self._path)
        patch = {'op': 'add', 'path': '/driver_info/deploy_forces_oob_reboot'}
        path = f'/v1/nodes/{self.node.id}'
        Api(own.endpoint).call('PATCH', path, [{**patch, 'value': True}])
        self.operate(self.node, lifecycle.operation('manage'))

    def _pause(self, seconds: float, deadline: float, what: str) -> None:
        super()._pause(seconds, deadline, what)
        self._wake()

    def _wake(self) -> None:
        """Have a heartbeat sent if the node waits for it."""
        if self.node.provision_state not in (_WAITS, 'wait call-back'):
            return
        if not self.agent.token:
            self.agent.look_up()
        if self.agent.heartbeat() == 400:
            # The node was booted again: there is a new token.
            self.agent = self._own.boot(self.node.id)

    def live(self, seconds: float) -> None:
        """Lead the node through lives, from where the last one has ended."""
        deadline = time.monotonic() + seconds
        if self.node.fetch(self.session).provision_state != self._next.start:
            self._next = next(self._path)
        while time.monotonic() < deadline:
            self.operate(self.node, self._next)
            self._next = next(self._path)

    def work(self) -> None:
        """Lead the node into a step of cleaning that does not end."""
        self.node.set_provision_state(self.session, 'provide')

        def waits() -> bool:
            node = self.node.fetch(self.session)
            if node.clean_step and node.provision_state == _WAITS:
                return not node.reservation
            self._wake()
            return False

        if not processes.wait_for(waits, _SECONDS, 0.3):
            raise errors.LaboratoryError(
                f'no node cleans: {self.node.last_error}'
            )


class Fleet:
    """The nodes of one side, and what can be measured with them.

    :param nodes: how many wait, each for an agent of its own
    """

    def __init__(
        self,
        running: sides.Running,
        own: agents.Agents,
        nodes: int,
        conductors: int,
    ) -> None:
        self._side, self._bench = running.side, running.bench
        ironic, self._eye = self._bench.ironic, self._bench.eye
        for number in range(2, conductors + 1):
            ironic.running.append(_another(running, number).start())
        self._conductors = [x for x in ironic.running if 'api' not in x.name]
        ironic.running[0].require(
            lambda: ironic.conductors() == conductors, _SECONDS, 'be all'
        )
        self._accepted: list[contract.Accepted] = []
        own.endpoint = ironic.endpoint
        self._clients = [_Client(own, self._accepted) for _ in range(_CLIENTS)]
        first = _Client(own, self._accepted, _BUSY)
        first.work()
        waiting = [first.agent]
        for uuid in _copies(self._eye.engine, first.node.id, nodes - 1):
            waiting.append(own.boot(uuid))
            waiting[-1].token = first.agent.token
            waiting[-1].commands = first.agent.commands
        self._nodes, self._turn = nodes, itertools.cycle(waiting)

    def beats(self, rate: float, seconds: float) -> dict[str, Any]:
        """Let nodes that wait send heartbeats, one after the other.

        :param rate: heartbeats a second; 0 for as many as are answered
        :returns: how often each code was answered, how late the latest
            heartbeat was sent, and so on
        """
        at = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())
        used = self._cpu()
        codes: collections.Counter[int] = collections.Counter()
        lock = threading.Lock()
        sent, late, began = 0, 0.0, time.monotonic()

        def send() -> None:
            nonlocal sent, late
            while True:
                with lock:
                    now = time.monotonic()
                    due = began + sent / rate if rate else now
                    if max(due, now) > began + seconds:
                        return
                    sent += 1
                    agent = next(self._turn)
                    late = max(late, now - due)
                time.sleep(max(0.0, due - now))
                code = agent.heartbeat()
                with lock:
                    codes[code] += 1

        with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
            for future in [pool.submit(send) for _ in range(_THREADS)]:
                future.result()
        taken, accepted = time.monotonic() - began, codes[202]
        self.stranded()
        touched = self._count(
            f"provision_state = '{_WAITS}' AND provision_updated_at >= '{at}'"
        )
        beaten = {
            'codes': codes,
            'late': late,
            'rate': accepted / taken,
            'forgotten': max(0, min(self._nodes, accepted) - touched),
        }
        if accepted:
            beaten['cpu_per_beat'] = (self._cpu() - used) / accepted
        return beaten

    def lives(self, seconds: float) -> dict[str, Any]:
        """Let each client lead its node through lives."""
        seen, used = self._eye.last(), self._cpu()
        with concurrent.futures.ThreadPoolExecutor(_CLIENTS) as pool:
            ended = [pool.submit(one.live, seconds) for one in self._clients]
        failed = [str(x.exception()) for x in ended if x.exception()]
        self.stranded()
        changes = self._eye.read(seen)
        measured: dict[str, Any] = {
            'failed': failed,
            'refused': [x for one in self._clients for x in one.refused],
            'took': load.durations(self._accepted, changes),
        }
        if changes:
            used = self._cpu() - used
            measured['cpu_per_transition'] = used / len(changes)
        self._accepted.clear()
        for one in self._clients:
            one.refused.clear()
        return measured

    def both(self, rate: float, seconds: float) -> dict[str, Any]:
        """Lead lives while heartbeats come."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            beating = pool.submit(self.beats, rate, seconds)
            return self.lives(seconds) | beating.result()

    def stranded(self) -> int:
        """Count nodes that somebody has left locked or at work."""
        where = (
            'reservation IS NOT NULL OR provision_state NOT IN '
            f"('{_WAITS}', 'available', 'active', 'manageable')"
        )
        processes.wait_for(lambda: not self._count(where), _SECONDS, 0.5)
        # What is announced by then is the work's, too.
        time.sleep(_SETTLED)
        return self._count(where)

    def end(self) -> dict[str, Any]:
        """Tell what is wrong when all is done."""
        waiting = 'SELECT count(*) FROM async_events_outbox'
        used = self._cpu()
        time.sleep(5 * _SETTLED)
        measured: dict[str, Any] = {'idle': (self._cpu() - used) / 5}
        if self._side is sides.OUTBOX:
            processes.wait_for(
                lambda: not self._eye.query(waiting)[0][0], _SECONDS
            )
        measured |= self._bench.account().as_dict()
        return measured | {'stranded': self.stranded()}

    def memory(self) -> int:
        return sum(usage.memory(one.pid) for one in self._conductors)

    def _cpu(self) -> float:
        return sum(usage.cpu_seconds(one.pid) for one in self._conductors)

    def _count(self, where: str) -> int:
        query = f'SELECT count(*) FROM nodes WHERE {where}'
        return int(self._eye.query(query)[0][0])


def _another(running: sides.Running, number: int) -> processes.Process:
    """Prepare one more conductor of a side."""
    ironic = running.bench.ironic
    room = running.shared.room(f'{running.side.name}-{number}')
    own = {'DEFAULT': {'host': f'127.0.0.{number}', 'state_path': room}}
    more = service.Ironic(room, plugin=False, split=True)
    more.options = configuration.merged(ironic.options, own)
    return more.part('ironic-conductor')


def _copies(engine: sa.Engine, uuid: str, how_many: int) -> list[str]:
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
