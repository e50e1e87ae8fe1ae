# SPDX-License-Identifier: Apache-2.0
"""The three sides: each a service of its own, all of them on one machine.

They run at the same time and are driven in turns, so that no start-up is in
a round and what the machine does meanwhile hits all of them.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import concurrent.futures
import contextlib
import dataclasses

from laboratory import configuration
from laboratory import deployment
from laboratory import service
from laboratory.bench import forms

Servers = deployment.Servers

# Enough for all clients. With Ironic's 5, connections are opened all the time,
# and each takes half of an operation's CPU time.
_CONNECTIONS = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One way to run Ironic.

    :param name: for figures and pictures.
    :param drivers: the notification drivers of ``ironic.conf``.
    :param plugin: whether the plugin is active.
    :param tree: a source tree of Ironic, if not the installed one.
    """

    name: str
    drivers: Sequence[str] = ('messagingv2',)
    plugin: bool = False
    tree: str = ''


STOCK = Side('stock')
PLUGIN = Side('plugin', ('messagingv2', 'async_events'), plugin=True)
OUTBOX = Side('outbox', ('async_events_outbox',), plugin=True)
SIDES = (STOCK, PLUGIN, OUTBOX)


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """One side that runs.

    :param side: which one.
    :param bench: its service, and what watches it.
    """

    side: Side
    bench: deployment.Bench

    @property
    def conductor(self) -> int:
        """The process group with the conductor."""
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

    :param shared: what all sides run on.
    :param side: which one.
    :param split: conductor and API in two processes; by default, where there
        is a database server.
    :param options: more options for ``ironic.conf``.
    :param command: what to run instead of the conductor's command.
    :param port: where the broker is to be reached, if not at its port.
    """
    transport = ''
    # Where there is no broker, the recorder stands for publishing.
    drivers = {'messagingv2': 'async_events_recorder'}
    if shared.rabbitmq is not None:
        drivers = {}
        transport = shared.rabbitmq.url + side.name
        if port:
            own = f':{shared.rabbitmq.port}/'
            transport = transport.replace(own, f':{port}/')
    chosen = [drivers.get(name, name) for name in side.drivers]
    if drivers and side is OUTBOX:
        chosen.insert(0, 'async_events_recorder')
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
    backend: forms.Backend, sides: Sequence[Side] = SIDES
) -> Iterator[Servers]:
    """Start the servers that the sides share.

    :param backend: what to start.
    :param sides: all of them.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with deployment.servers(backend.database, backend.rabbitmq) as shared:
        if shared.rabbitmq is not None:
            shared.rabbitmq.add_hosts([side.name for side in sides])
        yield shared


@contextlib.contextmanager
def started(
    backend: forms.Backend,
    configure: Callable[[Servers, Side], service.Ironic] = configured,
    sides: Sequence[Side] = SIDES,
) -> Iterator[list[Running]]:
    """Start all sides, and stop them whatever happens.

    :param backend: what they run on.
    :param configure: makes the service of a side.
    :param sides: all of them.
    :returns: what runs, in the order of the sides.
    :raises LaboratoryError: when something is missing or does not start.
    """

    def start(side: Side) -> tuple[Running, contextlib.ExitStack]:
        amqp_url = ''
        if shared.rabbitmq is not None:
            amqp_url = shared.rabbitmq.amqp_url.removesuffix('/') + side.name
        with contextlib.ExitStack() as own:
            watched = deployment.watched(
                configure(shared, side), amqp_url, side is OUTBOX
            )
            return Running(side, own.enter_context(watched)), own.pop_all()

    with servers(backend, sides) as shared, contextlib.ExitStack() as stack:
        # Most of a start is waiting for a single thread of one process.
        with concurrent.futures.ThreadPoolExecutor(len(sides)) as executor:
            starting = [executor.submit(start, side) for side in sides]
        for future in starting:
            if future.exception() is None:
                stack.push(future.result()[1])
        yield [future.result()[0] for future in starting]
