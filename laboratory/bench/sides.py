# SPDX-License-Identifier: Apache-2.0
"""The three sides, each a service of its own, and how much is measured.

They run at the same time and are driven in turns, so that no start-up is in
a round and what the machine does meanwhile hits all of them.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import types

from laboratory import cluster
from laboratory import configuration
from laboratory import deployment
from laboratory import lifecycle
from laboratory import service

Servers = deployment.Servers

LIFE = lifecycle.LIFE[:3]
"""The operations of a life under load."""

# Enough for all clients. With Ironic's 5, connections are opened all the time,
# and each takes half of an operation's CPU time.
_CONNECTIONS = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Backend:
    """What Ironic runs on.

    :param database: ``mariadb`` or ``postgresql``, with conductor and API in
        two processes; or empty, for SQLite with both in one.
    :param rabbitmq: with RabbitMQ, or recorded without a broker.
    """

    name: str
    database: str
    rabbitmq: bool


MARIADB = Backend('MariaDB, RabbitMQ', 'mariadb', rabbitmq=True)
POSTGRESQL = Backend('PostgreSQL, RabbitMQ', 'postgresql', rabbitmq=True)
SQLITE = Backend('SQLite, no broker', '', rabbitmq=False)


# How many clients at once -> how many lives each leads.
_CLIENTS = {1: 8, 8: 3, 32: 2}
Form = types.SimpleNamespace
"""How much of everything; a round is always the same work."""


def form(long: bool, rounds: int = 6) -> Form:
    clients = {MARIADB: _CLIENTS, SQLITE: {1: 8, 8: 3}}
    if long:
        clients = dict.fromkeys((MARIADB, POSTGRESQL, SQLITE), _CLIENTS)
    name = 'long' if long else 'short'
    return Form(name=name, rounds=rounds, clients=clients)


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One way to run Ironic, of a source tree or of the installed one."""

    name: str
    drivers: Sequence[str] = ('messagingv2',)
    plugin: bool = False
    tree: str = ''


STOCK, PLUGIN, OUTBOX = SIDES = tuple(
    Side(name, drivers, plugin=name != 'stock')
    for name, drivers in cluster.SIDES.items()
)


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    side: Side
    bench: deployment.Bench
    shared: Servers

    @property
    def conductor(self) -> int:
        """The process that is the conductor, and the parent of others."""
        return self.bench.ironic.running[0].pid


def configured(
    shared: Servers,
    side: Side,
    *,
    split: bool | None = None,
    options: configuration.Options | None = None,
    command: Sequence[str] = (),
) -> service.Ironic:
    """Configure the service of one side; it has a database by then.

    :param split: by default, where there is a database server.
    """
    transport, chosen = '', list(side.drivers)
    if shared.rabbitmq is not None:
        transport = shared.rabbitmq.url + side.name
    else:
        # Where there is no broker, the recorder stands for publishing.
        chosen = ['async_events_recorder', *chosen]
        if 'messagingv2' in chosen:
            chosen.remove('messagingv2')
    return service.Ironic(
        shared.room(side.name),
        plugin=side.plugin,
        database=shared.database.another(side.name) if shared.database else '',
        transport=transport,
        split=shared.database is not None if split is None else split,
        options=configuration.merged(
            {
                'database': {'max_pool_size': _CONNECTIONS},
                'oslo_messaging_notifications': {'driver': chosen},
            },
            options or {},
        ),
        command=command,
        environment={'PYTHONPATH': side.tree} if side.tree else {},
    )


@contextlib.contextmanager
def servers(
    backend: Backend, sides: Sequence[Side] = SIDES
) -> Iterator[Servers]:
    with deployment.servers(backend.database, backend.rabbitmq) as shared:
        if shared.rabbitmq is not None:
            shared.rabbitmq.add_hosts([side.name for side in sides])
        yield shared


@contextlib.contextmanager
def started(
    backend: Backend,
    configure: Callable[[Servers, Side], service.Ironic] = configured,
    sides: Sequence[Side] = SIDES,
) -> Iterator[list[Running]]:
    def start(side: Side) -> Running:
        amqp_url = ''
        if shared.rabbitmq is not None:
            amqp_url = shared.rabbitmq.amqp_url.removesuffix('/') + side.name
        watched = deployment.watched(
            configure(shared, side), amqp_url, side is OUTBOX
        )
        return Running(side, stack.enter_context(watched), shared)

    with servers(backend, sides) as shared, contextlib.ExitStack() as stack:
        yield list(map(start, sides))
