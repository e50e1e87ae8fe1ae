# SPDX-License-Identifier: Apache-2.0
"""Clients that lead nodes through their lives, through openstacksdk."""

from collections.abc import Callable
from collections.abc import Sequence
import concurrent.futures
import logging
import threading
import time
from typing import Any

import openstack
from openstack import exceptions
from openstack import resource
from openstack.baremetal.v1 import node as sdk_node

from laboratory import contract
from laboratory import errors
from laboratory import lifecycle

_BUSY = (409, 503)
_FIRST_PAUSE = 0.05
_LAST_PAUSE = 0.4


def connect(endpoint: str) -> openstack.connection.Connection:
    """Open a connection to an API without authentication.

    The SDK does not repeat requests that are turned away: they are counted.
    It does open connections again: the API keeps ten of them and closes more.
    """
    return openstack.connection.Connection(
        auth_type='none',
        auth={'endpoint': endpoint},
        baremetal_endpoint_override=endpoint,
        baremetal_status_code_retries=0,
        baremetal_connect_retries=5,
        baremetal_connect_retry_delay=0.05,
    )


class WatchedNode(sdk_node.Node):
    """The SDK's node, which notes what its first GET after a PUT showed."""

    # The SDK looks for the name of the id in the class itself only.
    id = resource.Body('uuid', alternate_id=True)
    first_get: tuple[float, str, float] | None = None

    def fetch(self, *args: Any, **kwargs: Any) -> Any:
        """GET the node; ``set_provision_state()`` does so after its PUT."""
        before = time.time()
        result = super().fetch(*args, **kwargs)
        if self.first_get is None:
            self.first_get = (before, self.provision_state, time.time())
        return result


class Client:
    """One client with a connection of its own, for one thread."""

    seconds = 60.0
    """How long an operation may take."""

    def __init__(
        self,
        endpoint: str,
        accepted: list[contract.Accepted] | None = None,
        stopping: threading.Event | None = None,
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connect(endpoint)
        self.session = self._connection.baremetal
        self._accepted = [] if accepted is None else accepted
        self._stopping = stopping or threading.Event()
        self._pace = pace
        self.refused: list[str] = []
        """Requests that were answered with 409 or 503, and were repeated."""

    def lead(self, *path: lifecycle.Operation | str) -> WatchedNode:
        """Create a node and lead it through operations, or those of a name."""
        node = self.create()
        for one in path:
            if isinstance(one, str):
                one = lifecycle.operation(one)
            self.operate(node, one)
        return node

    def create(self) -> WatchedNode:
        created = self.session.create_node(
            driver='fake-hardware', instance_info=dict(lifecycle.INSTANCE_INFO)
        )
        node = WatchedNode.existing(connection=self._connection, id=created.id)
        node.fetch(self.session)
        return node

    def operate(
        self, node: WatchedNode, operation: lifecycle.Operation
    ) -> contract.Accepted:
        """Do one operation and wait until the node is at rest again."""
        self._pace()
        before = node.provision_state
        if before != operation.start:
            raise errors.LaboratoryError(
                f'{operation} starts in {operation.start!r}, but the node '
                f'is in {before!r}'
            )
        # Ironic puts a node that failed into maintenance.
        if node.is_maintenance:
            node.unset_maintenance(self.session)
        asked_at = self._ask(node, operation)
        assert node.first_get is not None
        accepted_at, shown, shown_at = node.first_get
        accepted = contract.Accepted(
            node=node.id,
            name=str(operation),
            before=before,
            asked_at=asked_at,
            accepted_at=accepted_at,
            shown=shown,
            shown_at=shown_at,
            ended_at=self._rest(node, operation),
        )
        self._accepted.append(accepted)
        return accepted

    def _ask(self, node: WatchedNode, operation: lifecycle.Operation) -> float:
        deadline = time.monotonic() + self.seconds
        while True:
            node.first_get = None
            asked_at = time.time()
            try:
                node.set_provision_state(
                    self.session, operation.verb, **operation.arguments
                )
            except exceptions.HttpException as error:
                if error.status_code not in _BUSY:
                    raise
                self.refused.append(f'{operation}: {error.details}')
                self._pause(_LAST_PAUSE, deadline, f'start {operation}')
            else:
                return asked_at

    def _rest(
        self, node: WatchedNode, operation: lifecycle.Operation
    ) -> float:
        """Poll until nobody holds the node and it is where it should be."""
        deadline = time.monotonic() + self.seconds
        pause = _FIRST_PAUSE
        # The lock is what counts: after it is released nobody works on the
        # node, and nothing is to be announced any more.
        while node.reservation or node.provision_state != operation.end:
            self._pause(
                pause,
                deadline,
                f'come from {node.provision_state!r} to {operation.end!r} '
                f'by {operation} ({node.last_error})',
            )
            pause = min(pause * 2, _LAST_PAUSE)
            node.fetch(self.session)
        return time.time()

    def _pause(self, seconds: float, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise errors.LaboratoryError(
                f'a node did not {what} within {self.seconds:.0f} s'
            )
        if self._stopping.wait(seconds):
            raise errors.LaboratoryError('the clients were told to stop')


def drive(
    endpoint: str,
    clients: int,
    cycles: int,
    operations: Sequence[lifecycle.Operation] = lifecycle.LIFE,
    pace: Callable[[], None] = lambda: None,
) -> list[contract.Accepted]:
    """Let clients lead nodes through their lives, all at once.

    :param pace: called before each operation; returns when it may begin.
    """
    # The SDK tells at INFO which microversion it talks.
    logging.getLogger('openstack').setLevel(logging.WARNING)
    accepted: list[contract.Accepted] = []
    stopping = threading.Event()
    ready = threading.Barrier(clients)

    def client() -> None:
        one = Client(endpoint, accepted, stopping, pace)
        ready.wait(60)
        for _ in range(cycles):
            one.session.delete_node(one.lead(*operations).id)

    with concurrent.futures.ThreadPoolExecutor(clients) as executor:
        futures = [executor.submit(client) for _ in range(clients)]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        finally:
            stopping.set()
    return accepted
