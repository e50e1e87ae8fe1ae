# SPDX-License-Identifier: Apache-2.0
"""Clients with some nodes each, that go on whatever happens to the services.

An error is no reason to stop. A node that does not come to rest is put aside
and looked at again later, so that no client waits for what a fault has left.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import dataclasses
import random
import threading
import time
from typing import Any
from typing import Self

from laboratory import errors
from laboratory import lifecycle
from laboratory import processes
from laboratory.api import Api

_PATIENCE = 10.0
_FIRST_PAUSE = 0.02
_PAUSE = 0.1

_ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    'clean': lifecycle.CLEAN.arguments,
    'rescue': {'rescue_password': 'secret'},
    'service': lifecycle.SERVICE.arguments,
}

# From where -> what may be asked for.
WAYS: Mapping[str, tuple[str, ...]] = {
    'enroll': ('manage',),
    'manageable': ('inspect', 'clean', 'provide', 'adopt'),
    'available': ('active', 'active', 'manage'),
    'active': ('rebuild', 'rescue', 'service', 'deleted'),
    'rescue': ('unrescue', 'deleted'),
    'clean failed': ('manage',),
    'inspect failed': ('inspect', 'manage'),
    'deploy failed': ('deleted', 'rebuild'),
    'rescue failed': ('unrescue', 'deleted'),
    'unrescue failed': ('unrescue', 'deleted'),
    'adopt failed': ('adopt', 'manage'),
    'service failed': ('abort',),
    'error': ('deleted',),
}

#: Where an operation should end, whatever it starts from.
ENDS: Mapping[str, str] = {
    operation.verb: operation.end
    for operation in lifecycle.LIFE
    if not operation.end.endswith((' failed', ' hold', ' wait'))
}


@dataclasses.dataclass(slots=True)
class Operation:
    """One operation that was accepted, and when its node was at rest."""

    node: str
    verb: str
    asked_at: float
    ended_at: float | None = None
    state: str | None = None
    reason: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.state == ENDS[self.verb]

    @property
    def is_accounted_for(self) -> bool:
        ended = self.ended_at is not None
        return ended and bool(self.succeeded or self.reason)


def prepare(api: Api, node: Mapping[str, Any], verb: str) -> str:
    """Make a node at rest fit for an operation; return where to ask."""
    path = f'/v1/nodes/{node["uuid"]}'
    # Ironic puts a node that failed into maintenance.
    if node['maintenance']:
        api.call('DELETE', f'{path}/maintenance')
    if verb in ('active', 'adopt', 'rebuild'):
        patch = {'op': 'add', 'path': '/instance_info'}
        api.call('PATCH', path, [patch | {'value': lifecycle.INSTANCE_INFO}])
    return f'{path}/states/provision'


class Wanderers:
    """All clients, each with nodes of its own; a context manager."""

    def __init__(
        self,
        endpoint: str,
        clients: int,
        nodes: int,
        seed: int,
        pause: float = 0.0,
        connect: Callable[[str], Api] = Api,
    ) -> None:
        self.operations: list[Operation] = []
        """Every operation that was accepted, by any client."""
        self.ended: list[Operation] = []
        """Those of which the node was seen at rest."""
        self.refused: list[int] = []
        """The code of every other answer."""
        self.errors = 0
        """How often a node could not be looked at."""
        self._endpoint = endpoint
        self._pause = pause
        self._stopping = threading.Event()
        self._executor = concurrent.futures.ThreadPoolExecutor(clients)
        self._connect = connect
        api = connect(endpoint)
        self.nodes = [_create(api) for _ in range(nodes)]
        self._chances = [
            random.Random(f'{seed}/{number}') for number in range(clients)
        ]
        # Operations that have not ended, by node.
        self._open: dict[str, Operation] = {}

    def __enter__(self) -> Self:
        count = len(self._chances)
        own = [self.nodes[number::count] for number in range(count)]
        self._running = self._executor.map(self._client, own, self._chances)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        # An error of a client is an error of the run.
        list(self._running)
        self._executor.shutdown()

    def work(self, more: int) -> None:
        enough = len(self.ended) + more
        if not processes.wait_for(lambda: len(self.ended) >= enough, 120):
            raise errors.LaboratoryError(
                f'the clients did not do {more} more operations within 120 s'
            )

    def settle(self) -> None:
        """Look at what has not ended, for some time each; all have stopped."""
        api = self._connect(self._endpoint)
        for uuid in list(self._open):
            # The connection may be the first thing that fails: it was idle.
            processes.wait_for(
                lambda uuid=uuid: bool(self._look(api, uuid)),
                _PATIENCE,
                _PAUSE,
            )

    def _client(self, nodes: Sequence[str], chance: random.Random) -> None:
        """Lead nodes from here to there until it is told to stop."""
        api = self._connect(self._endpoint)
        while not self._stopping.is_set():
            done = self._turn(api, chance.choice(nodes), chance)
            self._stopping.wait(self._pause or (0 if done else _PAUSE))

    def _turn(self, api: Api, uuid: str, chance: random.Random) -> bool:
        """Ask for something, and wait for its end; tell whether it came."""
        node = self._look(api, uuid)
        if node is None or not self._ask(api, node, chance):
            return False
        deadline = time.monotonic() + _PATIENCE
        pause = _FIRST_PAUSE
        while time.monotonic() < deadline and not self._stopping.is_set():
            if self._look(api, uuid) is not None:
                return True
            self._stopping.wait(pause)
            pause = min(2 * pause, _PAUSE)
        return False

    def _ask(
        self, api: Api, node: Mapping[str, Any], chance: random.Random
    ) -> bool:
        verb = chance.choice(WAYS[node['provision_state']])
        path = prepare(api, node, verb)
        asked_at = time.time()
        body = {'target': verb, **_ARGUMENTS.get(verb, {})}
        code, _ = api.call('PUT', path, body)
        if code != 202:
            self.refused.append(code)
            return False
        operation = Operation(node['uuid'], verb, asked_at)
        self.operations.append(operation)
        self._open[operation.node] = operation
        return True

    def _look(self, api: Api, uuid: str) -> Mapping[str, Any] | None:
        """Return a node that is at rest; the operation on it has ended."""
        code, node = api.call('GET', f'/v1/nodes/{uuid}')
        if code != 200:
            self.errors += 1
            return None
        state = node['provision_state']
        if node['reservation'] is not None or state not in WAYS:
            return None
        if uuid in self._open:
            operation = self._open.pop(uuid)
            operation.ended_at = time.time()
            operation.state = state
            operation.reason = node['last_error']
            self.ended.append(operation)
        return dict(node)


def _create(api: Api) -> str:
    for _ in range(20):
        code, node = api.call('POST', '/v1/nodes', {'driver': 'fake-hardware'})
        if code == 201:
            return str(node['uuid'])
        time.sleep(_PAUSE)
    raise errors.LaboratoryError(f'no node can be created: {code} {node}')
