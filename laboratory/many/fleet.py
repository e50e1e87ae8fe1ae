# SPDX-License-Identifier: Apache-2.0
"""One side with its nodes: most of them wait, some lead lives."""

import concurrent.futures
import contextlib
import itertools
import time
import types
from typing import Any
from typing import cast

from laboratory import clients
from laboratory import cluster
from laboratory import configuration
from laboratory import contract
from laboratory import deployment
from laboratory import errors
from laboratory import lifecycle
from laboratory import processes
from laboratory.api import Api
from laboratory.bench import inspections
from laboratory.bench import load
from laboratory.bench import usage
from laboratory.many import agents

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
    'conductor': {'workers_pool_size': 100},
    'database': {'max_pool_size': 50},
    # Encryption is none of the costs here.
    'agent': {'require_tls': False},
    # Only the agents want to know.
    'service_catalog': {'endpoint_override': 'http://127.0.0.1:1'},
}
_WAITS = 'clean wait'
_SETTLED = 2.0
_SECONDS = 60.0


class _Client(clients.Client):
    """A client that is the agent of its node as well."""

    def __init__(self, fleet: 'Fleet') -> None:
        super().__init__(fleet.cluster.endpoint)
        self._agents = fleet.agents
        self._api = Api(fleet.cluster.endpoint)
        self.accepted: list[contract.Accepted] = []
        self.node = self.create()
        self._token = ''
        self._path = itertools.cycle(LIFE)
        self._next = next(self._path)
        patch = {'op': 'add', 'path': '/driver_info/deploy_forces_oob_reboot'}
        path = f'/v1/nodes/{self.node.id}'
        self._api.call('PATCH', path, [{**patch, 'value': True}])
        self.operate(self.node, lifecycle.operation('manage'))

    def _pause(self, seconds: float, deadline: float, what: str) -> None:
        super()._pause(seconds, deadline, what)
        self.wake(agents.QUICK)

    def wake(self, kind: str) -> str:
        """Send a heartbeat if the node waits for it; return the token."""
        if self.node.provision_state in (_WAITS, 'wait call-back'):
            uuid = self.node.id
            self._token = self._token or self._agents.look_up(self._api, uuid)
            code = 0
            if self._token:
                code = self._agents.beat(self._api, kind, uuid, self._token)
            if code == 400:
                # The node was booted again: there is a new one.
                self._token = ''
        return self._token

    def live(self) -> list[contract.Accepted]:
        """Lead the node through a life, from where the last one has ended."""
        if self.node.fetch(self.session).provision_state != self._next.start:
            self._next = next(self._path)
        accepted = []
        for _ in LIFE:
            accepted.append(self.operate(self.node, self._next))
            self._next = next(self._path)
        return accepted


class Side(cluster.Cluster):
    """Conductors and an API beside those of other sides, on one server."""

    def __init__(
        self,
        shared: deployment.Servers,
        side: str,
        conductors: int,
        options: configuration.Options,
    ) -> None:
        super().__init__(conductors, options, side)
        self._shared, self._side = shared, side

    def _servers(self) -> contextlib.AbstractContextManager[Any]:
        database, broker = self._shared.database, self._shared.rabbitmq
        assert database is not None and broker is not None
        self._own_url = database.another(self._side)
        own = types.SimpleNamespace(
            url=broker.url + self._side,
            amqp_url=broker.amqp_url.removesuffix('/') + self._side,
        )
        room = self._shared.room(self._side)
        return contextlib.nullcontext(
            deployment.Servers(room, database, cast(Any, own))
        )

    def _url(self, number: int) -> str:
        return self._own_url


class Fleet:
    """The nodes of one side, and what can be measured with them."""

    def __init__(
        self, running: cluster.Cluster, own: agents.Agents, count: int
    ) -> None:
        self.cluster, self.agents = running, own
        self._clients = [_Client(self) for _ in range(count)]
        self._template, self._token = self._make_template()
        self._waiting = [self._template]
        self._turn = itertools.cycle(self._waiting)

    def _make_template(self) -> tuple[str, str]:
        """Lead a node into a step of cleaning that does not end."""
        client, token = _Client(self), ''
        client.node.set_provision_state(client.session, 'provide')

        def waits() -> bool:
            nonlocal token
            node = client.node.fetch(client.session)
            if node.clean_step and node.provision_state == _WAITS:
                return not node.reservation
            token = client.wake(agents.BUSY) or token
            return False

        if not processes.wait_for(waits, _SECONDS, 0.3):
            raise errors.LaboratoryError(
                f'no node cleans: {client.node.last_error}'
            )
        return client.node.id, token

    def grow(self, number: int) -> None:
        """Have so many nodes wait, each for an agent of its own."""
        more = number - len(self._waiting)
        engine, old = self.cluster.eye.engine, self._template
        self._waiting += inspections.copies(engine, old, more)
        self._turn = itertools.cycle(self._waiting)

    # What is measured

    def beats(self, rate: float, seconds: float) -> dict[str, Any]:
        """Send heartbeats of the nodes that wait, one after the other."""
        time.sleep(_SETTLED)
        at = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())
        used = self._cpu()
        beaten = agents.beat_all(
            self.agents,
            self.cluster.endpoint,
            self._turn,
            self._token,
            rate,
            seconds,
        )
        self.settle()
        used = self._cpu() - used
        nodes = min(len(self._waiting), beaten.accepted)
        touched = self._count(
            f"provision_state = '{_WAITS}' AND provision_updated_at >= '{at}'"
        )
        return {
            'codes': dict(beaten.codes),
            'rate': beaten.accepted / beaten.seconds,
            'late': beaten.late,
            'cpu_per_beat': used / beaten.accepted,
            'forgotten': max(0, nodes - touched),
        }

    def lives(self) -> dict[str, Any]:
        """Let each client lead its node through a life."""
        time.sleep(_SETTLED)
        seen, used = inspections.last_seen(self.cluster.eye), self._cpu()
        with concurrent.futures.ThreadPoolExecutor(len(self._clients)) as pool:
            futures = [pool.submit(one.live) for one in self._clients]
        failed, accepted = [], []
        for future in futures:
            try:
                accepted += future.result()
            except errors.LaboratoryError as error:
                failed.append(str(error))
        self.settle()
        changes = self.cluster.eye.read(seen)
        measured: dict[str, Any] = {
            'transitions': len(changes),
            'failed': failed,
        }
        if accepted:
            used = self._cpu() - used
            measured['cpu_per_transition'] = used / len(changes)
            measured |= load.times(accepted, changes)
        return measured

    def both(self, rate: float, seconds: float) -> dict[str, Any]:
        """Lead lives while heartbeats come."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            beating = pool.submit(self.beats, rate, seconds)
            lives = self.lives()
            return {'lives': lives, 'beats': beating.result()}

    def settle(self) -> None:
        self.stranded()
        time.sleep(_SETTLED / 2)

    def stranded(self) -> int:
        """Count nodes that somebody has left locked or at work."""
        where = (
            'reservation IS NOT NULL OR provision_state NOT IN '
            f"('{_WAITS}', 'manageable')"
        )
        processes.wait_for(lambda: not self._count(where), _SECONDS, 0.5)
        return self._count(where)

    def memory(self) -> int:
        return sum(usage.memory(one.pid) for one in self.cluster.conductors)

    def idle(self, seconds: float) -> float:
        """Measure the processors that conductors use with nothing to do."""
        used = self._cpu()
        time.sleep(seconds)
        return (self._cpu() - used) / seconds

    def _cpu(self) -> float:
        return sum(
            usage.cpu_seconds(one.pid) for one in self.cluster.conductors
        )

    def _count(self, where: str) -> int:
        query = f'SELECT count(*) FROM nodes WHERE {where}'
        return int(self.cluster.eye.query(query)[0][0])
