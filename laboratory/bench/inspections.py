# SPDX-License-Identifier: Apache-2.0
"""Many nodes, and requests for inspections: no GET before, none after."""

from collections.abc import Iterable
from collections.abc import Sequence
import concurrent.futures
import dataclasses
import threading
import time
from typing import Any
import uuid

import requests
import sqlalchemy as sa

from laboratory import clients
from laboratory import errors
from laboratory import processes
from laboratory import witness
from laboratory.api import Api
from laboratory.bench import sides

SECONDS = 60.0
_BUSY = (409, 503)
_PAUSE = 0.1
_AT_ONCE = 500
# An inspection starts and ends in it: a node can be asked again.
_AT_REST = 'manageable'


def add(running: sides.Running, how_many: int) -> list[str]:
    """Put nodes that are ``manageable`` into the database.

    Ironic makes the first of them, the others are copies of its row.

    :param running: the side to whose database they are added.
    :param how_many: at least one.
    :returns: their UUIDs.
    """
    first = clients.Client(running.bench.ironic.endpoint).lead('manage')
    engine = running.bench.eye.engine
    table = sa.Table('nodes', sa.MetaData(), autoload_with=engine)
    fresh = [str(uuid.uuid4()) for _ in range(how_many - 1)]
    with engine.begin() as connection:
        query = sa.select(table).where(table.c.uuid == first.id)
        row = dict(connection.execute(query).mappings().one())
        del row['id']
        for begin in range(0, len(fresh), _AT_ONCE):
            connection.execute(
                sa.insert(table),
                [row | {'uuid': new} for new in fresh[begin:][:_AT_ONCE]],
            )
    return [first.id, *fresh]


def count(running: sides.Running, where: str = '1 = 1') -> int:
    """Count the nodes in the database of a side."""
    query = f'SELECT count(*) FROM nodes WHERE {where}'
    return int(running.bench.eye.query(query)[0][0])


def wait_unlocked(running: sides.Running, seconds: float) -> None:
    """Wait until nobody holds a node.

    :param running: the side to whose database they belong.
    :param seconds: how long to wait.
    :raises LaboratoryError: when somebody still does then.
    """
    locked = 'reservation IS NOT NULL'
    if not processes.wait_for(
        lambda: not count(running, locked), seconds, _PAUSE
    ):
        raise errors.LaboratoryError(
            f'{running.side.name}: {count(running, locked)} nodes are still '
            f'locked after {seconds:.0f} s'
        )


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


def ask(
    running: sides.Running,
    nodes: Sequence[str],
    threads: int = 8,
    timeout: float = SECONDS,
) -> list[Asked]:
    """Send one request for each node.

    :param running: the side whose API is asked.
    :param nodes: nodes that are ``manageable``.
    :param threads: how many requests at once.
    :param timeout: how long to wait for an answer.
    :returns: the requests, in the order of the nodes.
    :raises LaboratoryError: when a request is refused for good.
    """
    local = threading.local()

    def connect() -> None:
        local.api = Api(running.bench.ironic.endpoint, timeout=timeout)

    def send(node: str) -> Asked:
        deadline = time.monotonic() + timeout
        while True:
            asked_at, began = time.time(), time.monotonic()
            code, answer = local.api.call(
                'PUT',
                f'/v1/nodes/{node}/states/provision',
                {'target': 'inspect'},
            )
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

    with concurrent.futures.ThreadPoolExecutor(
        threads, initializer=connect
    ) as executor:
        return list(executor.map(send, nodes))


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
    last: dict[str, Any] = {}

    def taken() -> list[float | None]:
        last.update((change.node, change) for change in eye.read(after))
        return [
            last[request.node].seen_at - request.asked_at
            if request.node in last and last[request.node].state == _AT_REST
            else None
            for request in asked
        ]

    processes.wait_for(lambda: None not in taken(), seconds, _PAUSE)
    return taken()


def last_seen(eye: witness.Witness) -> int:
    """Return the id of the last change that the witness has seen."""
    return max((change.id for change in eye.read()), default=0)
