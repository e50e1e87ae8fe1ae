# SPDX-License-Identifier: Apache-2.0
"""Requests for operations, each alone: no GET before it, none after it."""

from collections.abc import Callable
from collections.abc import Iterable
import concurrent.futures
import dataclasses
import threading
import time

import requests

from laboratory import errors
from laboratory import processes
from laboratory import witness

_BUSY = (409, 503)
SECONDS = 60.0
_PAUSE = 0.1

# What each request asks for: it starts and ends in the same state, so that
# the same node can be asked for it again.
_VERB = 'inspect'
_AT_REST = 'manageable'


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    :param node: the node that was to be inspected.
    :param asked_at: when it was sent, in seconds since the epoch.
    :param seconds: how long its ``202`` took; None if none came in time.
    """

    node: str
    asked_at: float
    seconds: float | None


class Requests:
    """Asks an API for inspections, by some threads at once.

    :param endpoint: the URL of the API.
    :param threads: how many at once.
    :param timeout: how long to wait for an answer.
    """

    def __init__(
        self, endpoint: str, threads: int = 8, timeout: float = SECONDS
    ) -> None:
        self._endpoint = endpoint
        self._threads = threads
        self._timeout = timeout
        self._local = threading.local()

    def ask(
        self,
        nodes: Iterable[str],
        progress: Callable[[], None] = lambda: None,
    ) -> list[Asked]:
        """Send one request for each node.

        :param nodes: nodes that are ``manageable``.
        :param progress: called after each request, from any thread.
        :returns: the requests, in the order of the nodes.
        :raises LaboratoryError: when a request is refused for good.
        """

        def one(node: str) -> Asked:
            found = self._one(node)
            progress()
            return found

        with concurrent.futures.ThreadPoolExecutor(self._threads) as executor:
            return list(executor.map(one, nodes))

    def _one(self, node: str) -> Asked:
        session: requests.Session | None
        session = getattr(self._local, 'session', None)
        if session is None:
            session = self._local.session = requests.Session()
            session.headers['X-OpenStack-Ironic-API-Version'] = 'latest'
        deadline = time.monotonic() + self._timeout
        while True:
            asked_at, began = time.time(), time.monotonic()
            try:
                answer = session.put(
                    f'{self._endpoint}/v1/nodes/{node}/states/provision',
                    json={'target': _VERB},
                    timeout=self._timeout,
                )
            except requests.Timeout:
                return Asked(node, asked_at, None)
            if answer.status_code == 202:
                return Asked(node, asked_at, time.monotonic() - began)
            if answer.status_code not in _BUSY or time.monotonic() > deadline:
                raise errors.LaboratoryError(
                    f'{_VERB} of {node} was answered with '
                    f'{answer.status_code}: {answer.text}'
                )
            time.sleep(_PAUSE)


def ends(
    eye: witness.Witness,
    asked: Iterable[Asked],
    after: int,
    seconds: float = SECONDS,
) -> list[float | None]:
    """Wait until operations are at their ends.

    :param eye: the witness in the service's database.
    :param asked: the requests.
    :param after: the last change that the witness had seen before them.
    :param seconds: how long to wait.
    :returns: for each request, seconds from it to the last change of its
        node; None if it has not ended in this time.
    """
    asked = list(asked)
    last: dict[str, witness.Seen] = {}

    def all_ended() -> bool:
        last.update((one.node, one) for one in eye.read(after))
        return all(
            one.node in last and last[one.node].state == _AT_REST
            for one in asked
        )

    processes.wait_for(all_ended, seconds, _PAUSE)
    return [
        last[one.node].seen_at - one.asked_at
        if one.node in last and last[one.node].state == _AT_REST
        else None
        for one in asked
    ]


def last_seen(eye: witness.Witness) -> int:
    """Return the id of the last change that the witness has seen."""
    return max((one.id for one in eye.read()), default=0)
