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
    :param cycles: how many lives each client leads, one after the other.
    :param command: what to run instead of the all-in-one command.
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
    """A running service with everything that watches it."""

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
        """Compare what was committed so far with what was announced."""
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
    """What services run on."""

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

    :param url: its database; an SQLite file if empty.
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

    :param copy: a directory that gets configuration, logs and recordings.
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

    :param outbox: create the tables of the outbox as well.
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
    """Copy what is worth reading later: configuration, logs, recordings."""
    for pattern in ('*.log', '*.conf', '*.jsonl', '*/etc/*.conf'):
        for path in (
            *directory.glob(pattern),
            *directory.glob(f'*/{pattern}'),
        ):
            target = copy / path.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
