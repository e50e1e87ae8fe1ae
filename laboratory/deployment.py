# SPDX-License-Identifier: Apache-2.0
"""What is to be started, and what runs then, with everything that watches."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile

from ironic_async_events.audit import observation
from ironic_async_events.task import patched
from ironic_async_events.tests.tempest import bus
from laboratory import broker
from laboratory import configuration
from laboratory import database
from laboratory import lifecycle
from laboratory import recorder
from laboratory import service
from laboratory import truth
from laboratory import witness

Message = observation.Observation | observation.Malformed | observation.Ignored
Database = database.Database


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What to start and do in one run; a value.

    :param plugin: with the plugin, or stock.
    :param mariadb: on MariaDB, or on SQLite.
    :param rabbitmq: with RabbitMQ, or recorded without a broker.
    :param split: ``ironic-conductor`` and ``ironic-api``, or all in one.
    :param clients: how many clients at once.
    :param cycles: how many lives each client leads, one after the other.
    :param operations: the life.
    :param options: more options for ``ironic.conf``.
    :param command: what to run instead of the all-in-one command.
    :param environment: more variables for the service.
    """

    plugin: bool
    mariadb: bool = False
    rabbitmq: bool = False
    split: bool = False
    clients: int = 8
    cycles: int = 1
    operations: Sequence[lifecycle.Operation] = dataclasses.field(
        default_factory=lifecycle.here
    )
    options: configuration.Options = dataclasses.field(default_factory=dict)
    command: Sequence[str] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return ', '.join(
            (
                self.side,
                'MariaDB' if self.mariadb else 'SQLite',
                'RabbitMQ' if self.rabbitmq else 'no broker',
            )
        )

    @property
    def side(self) -> str:
        """What is compared with what."""
        if self.plugin:
            return 'with the plugin'
        return 'patched' if patched.is_patched() else 'stock'

    @property
    def total(self) -> int:
        """How many operations it will do."""
        return self.clients * self.cycles * len(self.operations)


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """A running service with everything that watches it.

    :param ironic: the service.
    :param eye: the witness in its database.
    :param collector: what listens to the bus, if there is one.
    """

    ironic: service.Ironic
    eye: witness.Witness
    collector: bus.Collector | None

    @property
    def recording(self) -> pathlib.Path:
        """The file with the notifications."""
        if self.collector is not None:
            return self.collector.path
        return self.ironic.recording

    def observations(self) -> list[Message]:
        """Read the notifications that have come so far."""
        if self.collector is not None:
            self.collector.wait_quiet()
        return list(map(observation.observe, recorder.read(self.recording)))

    def account(self, node: str = '') -> truth.Account:
        """Compare what was committed so far with what was announced.

        :param node: only this node.
        """
        return truth.compare(
            self.eye.changes(node),
            [
                message
                for message in self.observations()
                if not node or getattr(message, 'node', node) == node
            ],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Servers:
    """What services run on.

    :param directory: for everything that is written.
    :param database: the database server; None for SQLite.
    :param rabbitmq: the broker, if there is one.
    """

    directory: pathlib.Path
    database: Database | None = None
    rabbitmq: broker.RabbitMQ | None = None

    def room(self, name: str) -> pathlib.Path:
        """Make a directory."""
        path = self.directory / name
        path.mkdir()
        return path


@contextlib.contextmanager
def servers(name: str, rabbitmq: bool) -> Iterator[Servers]:
    """Start what services run on, and stop it whatever happens.

    The directory stays when ``LABORATORY_KEEP`` is in the environment.

    :param name: ``mariadb`` or ``postgresql``; empty for SQLite.
    :param rabbitmq: whether to start a broker.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with contextlib.ExitStack() as stack:
        # Short, for it becomes part of the path of a socket.
        directory = pathlib.Path(tempfile.mkdtemp(prefix='lab-'))
        if not os.environ.get('LABORATORY_KEEP'):
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
        shared = Servers(directory)
        if name:
            kind: type[Database] = database.MariaDB
            if name == 'postgresql':
                kind = database.PostgreSQL
            server = stack.enter_context(kind(shared.room('db')))
            shared = dataclasses.replace(shared, database=server)
        if rabbitmq:
            rabbit = stack.enter_context(broker.RabbitMQ(shared.room('mq')))
            shared = dataclasses.replace(shared, rabbitmq=rabbit)
        yield shared


def configured(
    home: pathlib.Path,
    run: Run,
    url: str,
    rabbit: broker.RabbitMQ | None,
) -> service.Ironic:
    """Configure the service of a run.

    :param home: an existing directory for everything it writes.
    :param run: what to start.
    :param url: its database; an SQLite file if empty.
    :param rabbit: the broker, if there is one.
    """
    return service.Ironic(
        home,
        plugin=run.plugin,
        database=url,
        transport=rabbit.url if rabbit else '',
        split=run.split,
        options=run.options,
        command=run.command,
        environment=run.environment,
    )


@contextlib.contextmanager
def started(run: Run, copy: pathlib.Path | None = None) -> Iterator[Bench]:
    """Start everything that a run needs, and stop it whatever happens.

    :param run: what to start.
    :param copy: a directory that gets configuration, logs and recordings.
    :returns: what runs.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(
            servers('mariadb' if run.mariadb else '', run.rabbitmq)
        )
        home, rabbit = shared.room('ironic'), shared.rabbitmq
        if copy is not None:
            stack.callback(keep, home, copy)
        url = shared.database.url if shared.database else ''
        ironic = configured(home, run, url, rabbit)
        amqp_url = rabbit.amqp_url if rabbit else ''
        yield stack.enter_context(watched(ironic, amqp_url))


@contextlib.contextmanager
def watched(
    ironic: service.Ironic, amqp_url: str = '', outbox: bool = False
) -> Iterator[Bench]:
    """Start a service on an empty database, with everything that watches it.

    :param ironic: the service.
    :param amqp_url: the broker to listen to, if there is one.
    :param outbox: create the tables of the outbox as well.
    :returns: what runs.
    :raises LaboratoryError: when something does not start.
    """
    with contextlib.ExitStack() as stack:
        collector = None
        if amqp_url:
            collector = stack.enter_context(
                bus.Collector(
                    amqp_url, ironic.directory / 'notifications.jsonl'
                )
            )
        ironic.create_schema()
        if outbox:
            ironic.run_once('ironic-async-events-dbsync', 'upgrade')
        eye = witness.Witness(ironic.database)
        eye.install()
        stack.enter_context(ironic)
        yield Bench(ironic, eye, collector)


def keep(directory: pathlib.Path, copy: pathlib.Path) -> None:
    """Copy what is worth reading later: configuration, logs, recordings.

    :param directory: of one service, or of some that have rooms in it.
    :param copy: gets the files; it is made.
    """
    for pattern in ('*.log', '*.conf', '*.jsonl', '*/etc/*.conf'):
        for path in (
            *directory.glob(pattern),
            *directory.glob(f'*/{pattern}'),
        ):
            target = copy / path.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
