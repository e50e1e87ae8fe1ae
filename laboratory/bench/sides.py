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
import pathlib
import shutil
import tempfile

from laboratory import broker
from laboratory import configuration
from laboratory import database
from laboratory import prepared_bench as bench
from laboratory import service
from laboratory.bench import forms
from laboratory.bench import usage

# Enough for all clients. With Ironic's 5, connections are opened all the time,
# and each takes half of an operation's CPU time.
_CONNECTIONS = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One way to run Ironic.

    :param name: for figures and pictures.
    :param plugin: whether the plugin is switched on.
    :param outbox: whether by the outbox's driver, which publishes as well.
    """

    name: str
    plugin: bool
    outbox: bool

    def drivers(self, rabbitmq: bool) -> list[str]:
        """Return the notification drivers of ``ironic.conf``.

        :param rabbitmq: whether there is a broker. Where there is none, the
            recorder is what stands for publishing, on every side.
        """
        found = [] if rabbitmq else ['async_events_recorder']
        if self.outbox:
            return [*found, 'async_events_outbox']
        if rabbitmq:
            found.append('messagingv2')
        return [*found, 'async_events'] if self.plugin else found


STOCK = Side('stock', plugin=False, outbox=False)
PLUGIN = Side('plugin', plugin=True, outbox=False)
OUTBOX = Side('outbox', plugin=True, outbox=True)
SIDES = (STOCK, PLUGIN, OUTBOX)


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """One side that runs.

    :param side: which one.
    :param bench: its service, and what watches it.
    """

    side: Side
    bench: bench.Bench

    @property
    def conductor(self) -> int:
        """The process group with the conductor."""
        return self.bench.ironic.running[0].pid

    @property
    def groups(self) -> list[int]:
        """The process groups of the service."""
        return [one.pid for one in self.bench.ironic.running]

    def cpu_seconds(self) -> float:
        """The CPU time that the whole service has used."""
        return sum(map(usage.cpu_seconds, self.groups))


@dataclasses.dataclass(frozen=True, slots=True)
class Servers:
    """What the sides share; each has a database and a virtual host in it.

    :param directory: for everything that is written.
    :param mariadb: the database server, if there is one.
    :param rabbitmq: the broker, if there is one.
    """

    directory: pathlib.Path
    mariadb: database.MariaDB | None
    rabbitmq: broker.RabbitMQ | None

    def room(self, name: str) -> pathlib.Path:
        """Make a directory."""
        path = self.directory / name
        path.mkdir()
        return path

    def configured(
        self,
        side: Side,
        *,
        split: bool | None = None,
        options: configuration.Options | None = None,
        command: Sequence[str] = (),
        port: int = 0,
    ) -> service.Ironic:
        """Configure the service of one side; it has a database by then.

        :param side: which one.
        :param split: conductor and API in two processes; by default, where
            there is a MariaDB.
        :param options: more options for ``ironic.conf``.
        :param command: what to run instead of the conductor's command.
        :param port: where the broker is to be reached, if not at its port.
        """
        url = self.mariadb.another(side.name) if self.mariadb else ''
        transport = ''
        if self.rabbitmq is not None:
            transport = self.rabbitmq.url + side.name
            if port:
                transport = transport.replace(
                    f':{self.rabbitmq.port}/', f':{port}/'
                )
        return service.Ironic(
            self.room(side.name),
            plugin=side.plugin,
            database=url,
            transport=transport,
            split=self.mariadb is not None if split is None else split,
            options=configuration.merged(
                {
                    'database': {'max_pool_size': _CONNECTIONS},
                    'oslo_messaging_notifications': {
                        'driver': side.drivers(self.rabbitmq is not None)
                    },
                },
                options or {},
            ),
            command=command,
        )

    def amqp_url(self, side: Side) -> str:
        """Return where to listen to the notifications of a side."""
        if self.rabbitmq is None:
            return ''
        return self.rabbitmq.amqp_url.removesuffix('/') + side.name


@contextlib.contextmanager
def servers(backend: forms.Backend) -> Iterator[Servers]:
    """Start the servers that the sides share.

    :param backend: what to start.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with contextlib.ExitStack() as stack:
        # Short, for it becomes part of the path of a socket.
        directory = pathlib.Path(tempfile.mkdtemp(prefix='bench-'))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        found = Servers(directory, None, None)
        if backend.mariadb:
            mariadb = database.MariaDB(found.room('db'))
            found = dataclasses.replace(
                found, mariadb=stack.enter_context(mariadb)
            )
        if backend.rabbitmq:
            rabbitmq = broker.RabbitMQ(found.room('mq'))
            found = dataclasses.replace(
                found, rabbitmq=stack.enter_context(rabbitmq)
            )
            rabbitmq.add_hosts([side.name for side in SIDES])
        yield found


@contextlib.contextmanager
def started(
    backend: forms.Backend,
    configure: Callable[[Servers, Side], service.Ironic] = (
        Servers.configured
    ),
) -> Iterator[list[Running]]:
    """Start all sides, and stop them whatever happens.

    :param backend: what they run on.
    :param configure: makes the service of a side.
    :returns: what runs, in the order of :data:`SIDES`.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with servers(backend) as shared, together(shared, configure) as running:
        yield running


@contextlib.contextmanager
def together(
    shared: Servers,
    configure: Callable[[Servers, Side], service.Ironic] = (
        Servers.configured
    ),
) -> Iterator[list[Running]]:
    """Start all sides on servers that run, see :func:`started`."""
    with contextlib.ExitStack() as stack:

        def start(side: Side) -> tuple[Running, contextlib.ExitStack]:
            with contextlib.ExitStack() as own:
                watched = bench.watched(
                    configure(shared, side),
                    shared.amqp_url(side),
                    side.outbox,
                )
                found = Running(side, own.enter_context(watched))
                return found, own.pop_all()

        # Most of a start is waiting for a single thread of one process.
        with concurrent.futures.ThreadPoolExecutor(len(SIDES)) as executor:
            starting = [executor.submit(start, side) for side in SIDES]
        for one in starting:
            if one.exception() is None:
                stack.push(one.result()[1])
        yield [one.result()[0] for one in starting]
