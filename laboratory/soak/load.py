# SPDX-License-Identifier: Apache-2.0
"""Clients with many nodes each, that go on whatever happens.

A node that does not come to rest is put aside and looked at again later, so
that clients are never idle because of what a fault has left behind.
"""

import collections
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
from laboratory.api import Api

_PATIENCE = 10.0
_PAUSE = 0.1
_CREATE_TRIES = 20

#: Where an operation should end, whatever it starts from.
ENDS: Mapping[str, str] = {
    one.verb: one.end
    for one in lifecycle.LIFE
    if not one.end.endswith((' failed', ' hold', ' wait'))
}


@dataclasses.dataclass(slots=True)
class Operation:
    """One operation that was accepted.

    :param node: the UUID of the node.
    :param verb: what was asked for.
    :param before: the provision state before.
    :param asked_at: when, in seconds since the epoch.
    :param accepted_at: when the answer had come.
    :param ended_at: when the node was seen at rest; None if it never was.
    :param state: the provision state then.
    :param reason: what the node said about an error then.
    """

    node: str
    verb: str
    before: str
    asked_at: float
    accepted_at: float
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

    def end(self, node: Mapping[str, Any]) -> None:
        """Write down that the node is at rest."""
        self.ended_at = time.time()
        self.state = node['provision_state']
        self.reason = node['last_error']


class Client:
    """One client, for one thread.

    :param endpoint: the URL of the API.
    :param nodes: the UUIDs of its nodes; nobody else uses them.
    :param chance: for what it chooses.
    :param pause: seconds between two operations.
    :param stopping: set when it shall stop.
    """

    def __init__(
        self,
        endpoint: str,
        nodes: Sequence[str],
        chance: random.Random,
        pause: float,
        stopping: threading.Event,
    ) -> None:
        self.operations: list[Operation] = []
        self.refused: collections.Counter[int] = collections.Counter()
        self._api = Api(endpoint)
        self._nodes = nodes
        self._chance = chance
        self._pause = pause
        self._stopping = stopping
        # Operations that have not ended, by node.
        self._open: dict[str, Operation] = {}

    def run(self) -> None:
        """Lead nodes from here to there until it is told to stop."""
        while not self._stopping.is_set():
            self._turn(self._chance.choice(self._nodes))
            self._stopping.wait(self._pause)

    def settle(self) -> None:
        """Look at the operations that have not ended, for some time each."""
        for uuid in list(self._open):
            deadline = time.monotonic() + _PATIENCE
            # The connection may be the first thing that fails: it was idle.
            while self._look(uuid) is None and time.monotonic() < deadline:
                time.sleep(_PAUSE)

    def _turn(self, uuid: str) -> None:
        node = self._look(uuid)
        if node is None:
            return
        asked = wanderer.ask(self._api, node, self._chance)
        if asked.code != 202:
            self.refused[asked.code] += 1
            return
        operation = Operation(
            node=uuid,
            verb=asked.verb,
            before=node['provision_state'],
            asked_at=asked.at,
            accepted_at=asked.at + asked.seconds,
        )
        self.operations.append(operation)
        self._open[uuid] = operation
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and not self._stopping.is_set():
            if self._look(uuid) is not None:
                return
            self._stopping.wait(_PAUSE)

    def _look(self, uuid: str) -> Mapping[str, Any] | None:
        """Return a node that is at rest; the operation on it has ended."""
        code, node = self._api.call('GET', f'/v1/nodes/{uuid}')
        if (
            code != 200
            or node['reservation'] is not None
            or node['provision_state'] not in wanderer.WAYS
        ):
            return None
        if uuid in self._open:
            self._open.pop(uuid).end(node)
        return dict(node)


class Load:
    """All clients; a context manager that stops them.

    :param endpoint: the URL of the API.
    :param clients: how many.
    :param nodes: how many, over all clients.
    :param seed: for what they choose.
    :param pause: seconds between two operations of one client.
    :raises LaboratoryError: when a node cannot be created.
    """

    def __init__(
        self,
        endpoint: str,
        clients: int,
        nodes: int,
        seed: int,
        pause: float,
    ) -> None:
        self._stopping = threading.Event()
        self._executor = concurrent.futures.ThreadPoolExecutor(clients)
        api = Api(endpoint)
        self.nodes = [_create(api) for _ in range(nodes)]
        self.clients = [
            Client(
                endpoint,
                self.nodes[number::clients],
                random.Random(f'{seed}/{number}'),
                pause,
                self._stopping,
            )
            for number in range(clients)
        ]

    @property
    def operations(self) -> list[Operation]:
        """Every operation that was accepted, by any client."""
        return [one for client in self.clients for one in client.operations]

    @property
    def refused(self) -> dict[int, int]:
        """How many requests had another answer, by its code."""
        total: collections.Counter[int] = collections.Counter()
        for client in self.clients:
            total += client.refused
        return dict(sorted(total.items()))

    def settle(self) -> None:
        """Have every client look at what has not ended; they have stopped."""
        for client in self.clients:
            client.settle()

    def __enter__(self) -> Self:
        self._running = [
            self._executor.submit(client.run) for client in self.clients
        ]
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._executor.shutdown()
        for future in self._running:
            # An error of a client is an error of the run.
            future.result()


def _create(api: Api) -> str:
    for _ in range(_CREATE_TRIES):
        code, node = api.call('POST', '/v1/nodes', {'driver': 'fake-hardware'})
        if code == 201:
            return str(node['uuid'])
        time.sleep(_PAUSE)
    raise errors.LaboratoryError(f'no node can be created: {code} {node}')
