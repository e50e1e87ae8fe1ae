# SPDX-License-Identifier: Apache-2.0
"""The three sides, each a service of its own, and how much is measured.

They run at the same time and are driven in turns, so that no start-up is in
a round and what the machine does meanwhile hits all of them.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import contextlib
import dataclasses
import types
from typing import Any

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
# Each is a pair: in the short form, in the long form.
_FORMS: Mapping[str, tuple[Any, Any]] = {
    'name': ('short', 'long'),
    'clients': (
        {MARIADB: _CLIENTS, SQLITE: {1: 8, 8: 3}},
        dict.fromkeys((MARIADB, POSTGRESQL, SQLITE), _CLIENTS),
    ),
    # How often each service is started.
    'starts': (5, 15),
    # Operations after which memory is compared.
    'churn': (500, 10000),
    # How many run when memory is looked at; each time in new services.
    'running': (50, 100),
    'running_rounds': (1, 3),
    'trouble_rounds': (2, 5),
    # Requests for each state of the broker and round, and how long to wait
    # for an answer while it is down.
    'asked': (3, 5),
    'down_seconds': (3.0, 5.0),
}
Form = types.SimpleNamespace
"""How much of everything; a round is always the same work."""


def form(long: bool, rounds: int = 6) -> Form:
    chosen = {name: pair[long] for name, pair in _FORMS.items()}
    return Form(rounds=rounds, **chosen)


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
    """One side that runs: its service, and what watches it."""

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
    port: int = 0,
) -> service.Ironic:
    """Configure the service of one side; it has a database by then.

    :param split: by default, where there is a database server.
    :param port: where the broker is to be reached, if not at its port.
    """
    transport, chosen = '', list(side.drivers)
    if shared.rabbitmq is not None:
        transport = shared.rabbitmq.url + side.name
        if port:
            own = f':{shared.rabbitmq.port}/'
            transport = transport.replace(own, f':{port}/')
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
    def start(side: Side) -> tuple[Running, contextlib.ExitStack]:
        amqp_url = ''
        if shared.rabbitmq is not None:
            amqp_url = shared.rabbitmq.amqp_url.removesuffix('/') + side.name
        with contextlib.ExitStack() as own:
            watched = deployment.watched(
                configure(shared, side), amqp_url, side is OUTBOX
            )
            bench = own.enter_context(watched)
            return Running(side, bench, shared), own.pop_all()

    with servers(backend, sides) as shared, contextlib.ExitStack() as stack:
        # Most of a start is waiting for a single thread of one process.
        with concurrent.futures.ThreadPoolExecutor(len(sides)) as executor:
            starting = [executor.submit(start, side) for side in sides]
        for future in starting:
            if future.exception() is None:
                stack.push(future.result()[1])
        yield [future.result()[0] for future in starting]
