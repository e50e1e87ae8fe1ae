# SPDX-License-Identifier: Apache-2.0
"""Clients with many nodes each, that go on whatever happens.

A node that does not come to rest is put aside and looked at again later, so
that clients are never idle because of what a fault has left behind.
"""

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
from laboratory import wanderer

_PATIENCE = 10.0
_PAUSE = 0.1
_CREATE_TRIES = 20

#: Where an operation should end, whatever it starts from.
ENDS: Mapping[str, str] = {
    operation.verb: operation.end
    for operation in lifecycle.LIFE
    if not operation.end.endswith((' failed', ' hold', ' wait'))
}


@dataclasses.dataclass(slots=True)
class Operation:
    """One operation that was accepted.

    :param node: the UUID of the node.
    :param verb: what was asked for.
    :param asked_at: when, in seconds since the epoch.
    :param ended_at: when the node was seen at rest; None if it never was.
    :param state: the provision state then.
    :param reason: what the node said about an error then.
    """

    node: str
    verb: str
    asked_at: float
    ended_at: float | None = None
    state: str | None = None
    reason: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it came to where it should."""
        return self.state == ENDS[self.verb]

    @property
    def is_accounted_for(self) -> bool:
        """Whether it ended, or failed with a reason."""
        return self.ended_at is not None and bool(
            self.succeeded or self.reason
        )


class Load:
    """All clients; a context manager that stops them.

    :param endpoint: the URL of the API.
    :param clients: how many.
    :param nodes: how many, over all clients; each node has one client.
    :param seed: for what they choose.
    :param pause: seconds between two operations of one client.
    :raises LaboratoryError: when a node cannot be created.
    """

    def __init__(
        self, endpoint: str, clients: int, nodes: int, seed: int, pause: float
    ) -> None:
        self.operations: list[Operation] = []
        """Every operation that was accepted, by any client."""
        self.refused: list[int] = []
        """The code of every other answer."""
        self._endpoint = endpoint
        self._pause = pause
        self._stopping = threading.Event()
        self._executor = concurrent.futures.ThreadPoolExecutor(clients)
        api = wanderer.Api(endpoint)
        self._nodes = [_create(api) for _ in range(nodes)]
        self._chances = [
            random.Random(f'{seed}/{number}') for number in range(clients)
        ]
        # Operations that have not ended, by node.
        self._open: dict[str, Operation] = {}

    def __enter__(self) -> Self:
        own = [
            self._nodes[number :: len(self._chances)]
            for number in range(len(self._chances))
        ]
        self._running = self._executor.map(self._client, own, self._chances)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        # An error of a client is an error of the run.
        list(self._running)
        self._executor.shutdown()

    def settle(self) -> None:
        """Look at what has not ended, for some time each; all have stopped."""
        api = wanderer.Api(self._endpoint)
        for uuid in list(self._open):
            deadline = time.monotonic() + _PATIENCE
            # The connection may be the first thing that fails: it was idle.
            while not self._look(api, uuid) and time.monotonic() < deadline:
                time.sleep(_PAUSE)

    def _client(self, nodes: Sequence[str], chance: random.Random) -> None:
        """Lead nodes from here to there until it is told to stop."""
        api = wanderer.Api(self._endpoint)
        while not self._stopping.is_set():
            self._turn(api, chance.choice(nodes), chance)
            self._stopping.wait(self._pause)

    def _turn(
        self, api: wanderer.Api, uuid: str, chance: random.Random
    ) -> None:
        node = self._look(api, uuid)
        if node is None:
            return
        asked = wanderer.ask(api, node, chance)
        if asked.code != 202:
            self.refused.append(asked.code)
            return
        operation = Operation(uuid, asked.verb, asked.at)
        self.operations.append(operation)
        self._open[uuid] = operation
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and not self._stopping.is_set():
            if self._look(api, uuid) is not None:
                return
            self._stopping.wait(_PAUSE)

    def _look(self, api: wanderer.Api, uuid: str) -> Mapping[str, Any] | None:
        """Return a node that is at rest; the operation on it has ended."""
        code, node = api.call('GET', f'/v1/nodes/{uuid}')
        if (
            code != 200
            or node['reservation'] is not None
            or node['provision_state'] not in wanderer.WAYS
        ):
            return None
        if uuid in self._open:
            operation = self._open.pop(uuid)
            operation.ended_at = time.time()
            operation.state = node['provision_state']
            operation.reason = node['last_error']
        return dict(node)


def _create(api: wanderer.Api) -> str:
    for _ in range(_CREATE_TRIES):
        code, node = api.call('POST', '/v1/nodes', {'driver': 'fake-hardware'})
        if code == 201:
            return str(node['uuid'])
        time.sleep(_PAUSE)
    raise errors.LaboratoryError(f'no node can be created: {code} {node}')
