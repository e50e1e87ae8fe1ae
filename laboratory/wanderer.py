# SPDX-License-Identifier: Apache-2.0
"""Clients that go on, whatever happens to the services.

Each leads a node from wherever it is to somewhere else, and writes down how
long that took. An error is no reason to stop; a node that is stuck is left.
"""

from collections.abc import Mapping
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

_CLEAN = dict(lifecycle.CLEAN.arguments)
_SERVICE = dict(lifecycle.SERVICE.arguments)
_STUCK_SECONDS = 20.0
_PAUSE = 0.1
_WORK_SECONDS = 120.0

Request = tuple[str, Mapping[str, Any]]

# From where -> what may be asked for.
WAYS: Mapping[str, tuple[Request, ...]] = {
    'enroll': (('manage', {}),),
    'manageable': (
        ('inspect', {}),
        ('clean', _CLEAN),
        ('provide', {}),
        ('adopt', {}),
    ),
    'available': (('active', {}), ('active', {}), ('manage', {})),
    'active': (
        ('rebuild', {}),
        ('rescue', {'rescue_password': 'secret'}),
        ('service', _SERVICE),
        ('deleted', {}),
    ),
    'rescue': (('unrescue', {}), ('deleted', {})),
    'clean failed': (('manage', {}),),
    'inspect failed': (('inspect', {}), ('manage', {})),
    'deploy failed': (('deleted', {}), ('rebuild', {})),
    'rescue failed': (('unrescue', {}), ('deleted', {})),
    'unrescue failed': (('unrescue', {}), ('deleted', {})),
    'adopt failed': (('adopt', {}), ('manage', {})),
    'service failed': (('abort', {}),),
    'error': (('deleted', {}),),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """One operation that was accepted and has come to rest.

    :param asked_at: when it was asked for, in seconds since the epoch.
    :param accepted: after how many seconds the answer 202 came.
    :param ended: after how many seconds the node was at rest.
    """

    asked_at: float
    accepted: float
    ended: float


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """One request for an operation.

    :param verb: what was asked for.
    :param at: when, in seconds since the epoch.
    :param seconds: after how long the answer came.
    :param code: the code of the answer, 0 where there was none.
    """

    verb: str
    at: float
    seconds: float
    code: int


def ask(api: Api, node: Mapping[str, Any], chance: random.Random) -> Asked:
    """Ask for something that a node at rest can do, and make it fit for it.

    :param api: the connection.
    :param node: the node as the API has shown it, in a state of `WAYS`.
    :param chance: chooses.
    """
    path = f'/v1/nodes/{node["uuid"]}'
    verb, arguments = chance.choice(WAYS[node['provision_state']])
    if node['maintenance']:
        api.call('DELETE', f'{path}/maintenance')
    if verb in ('active', 'adopt', 'rebuild'):
        api.call(
            'PATCH',
            path,
            [
                {
                    'op': 'add',
                    'path': '/instance_info',
                    'value': lifecycle.INSTANCE_INFO,
                }
            ],
        )
    at, began = time.time(), time.monotonic()
    code, _ = api.call(
        'PUT', f'{path}/states/provision', {'target': verb, **arguments}
    )
    return Asked(verb, at, time.monotonic() - began, code)


class Wanderers:
    """Some clients at once; a context manager that stops them.

    :param endpoint: the URL of the API.
    :param clients: how many.
    :param seed: for what they choose.
    :param pause: seconds between two operations of one client.
    """

    def __init__(
        self, endpoint: str, clients: int, seed: int, pause: float = 0.0
    ) -> None:
        self.done: list[Done] = []
        self.errors = 0
        self.stuck = 0
        self._endpoint = endpoint
        self._pause = pause
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._wander,
                args=(random.Random(f'{seed}/{number}'),),
                daemon=True,
            )
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(90)

    def work(self, more: int) -> None:
        """Wait until the clients have done some more operations.

        :param more: how many, of all clients together.
        :raises LaboratoryError: when they do not get there.
        """
        enough = len(self.done) + more
        if not processes.wait_for(
            lambda: len(self.done) >= enough, _WORK_SECONDS
        ):
            raise errors.LaboratoryError(
                f'the clients did not do {more} more operations within '
                f'{_WORK_SECONDS:.0f} s'
            )

    def _wander(self, chance: random.Random) -> None:
        api = Api(self._endpoint)
        node = None
        while not self._stopping.is_set():
            if node is None:
                node = self._create(api)
            elif not self._step(api, node, chance):
                node = None

    def _wait(self, seconds: float = _PAUSE) -> None:
        self._stopping.wait(seconds)

    def _create(self, api: Api) -> str | None:
        code, node = api.call('POST', '/v1/nodes', {'driver': 'fake-hardware'})
        if code == 201:
            return str(node['uuid'])
        self.errors += 1
        self._wait()
        return None

    def _step(self, api: Api, uuid: str, chance: random.Random) -> bool:
        """Lead the node somewhere else.

        :returns: whether the node is any good still.
        """
        path = f'/v1/nodes/{uuid}'
        node = self._at_rest(api, path)
        if node is None:
            return False
        if self._stopping.is_set():
            return True
        asked = ask(api, node, chance)
        if asked.code != 202:
            self.errors += 1
            self._wait()
            return True
        if self._at_rest(api, path) is None:
            return False
        self.done.append(Done(asked.at, asked.seconds, time.time() - asked.at))
        if self._pause:
            self._wait(self._pause)
        return True

    def _at_rest(self, api: Api, path: str) -> dict[str, Any] | None:
        deadline = time.monotonic() + _STUCK_SECONDS
        pause = 0.02
        while time.monotonic() < deadline:
            code, node = api.call('GET', path)
            if code == 404:
                return None
            if code == 200:
                if (
                    node['reservation'] is None
                    and node['provision_state'] in WAYS
                ):
                    return dict(node)
                if self._stopping.is_set():
                    return None
            else:
                self.errors += 1
                # While the services are away, nothing is stuck.
                deadline = time.monotonic() + _STUCK_SECONDS
                if self._stopping.is_set():
                    return None
            self._wait(pause)
            pause = min(2 * pause, _PAUSE)
        self.stuck += 1
        return None
