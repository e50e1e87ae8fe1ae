# SPDX-License-Identifier: Apache-2.0
"""A running service, and everything around it that watches."""

from collections.abc import Iterator
import contextlib
import dataclasses
import pathlib
import shutil
import tempfile

from ironic_async_events.audit import observation
from ironic_async_events.tests.tempest import bus
from laboratory import broker
from laboratory import database
from laboratory import plan
from laboratory import postgresql
from laboratory import recording
from laboratory import service
from laboratory import truth
from laboratory import witness

Message = observation.Observation | observation.Malformed | observation.Ignored
Database = database.MariaDB | postgresql.PostgreSQL


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
        return [
            observation.observe(line)
            for line in recording.read(self.recording)
        ]

    def account(self, node: str = '') -> truth.Account:
        """Compare what was committed so far with what was announced.

        :param node: only this node.
        """
        return truth.compare(
            [
                (change.node, change.before_state, change.state)
                for change in self.eye.read(node=node)
                if change.before_state is not None
            ],
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
    database: Database | None
    rabbitmq: broker.RabbitMQ | None

    def room(self, name: str) -> pathlib.Path:
        """Make a directory."""
        path = self.directory / name
        path.mkdir()
        return path


@contextlib.contextmanager
def servers(name: str, rabbitmq: bool) -> Iterator[Servers]:
    """Start what services run on, and stop it whatever happens.

    :param name: ``mariadb`` or ``postgresql``; empty for SQLite.
    :param rabbitmq: whether to start a broker.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with contextlib.ExitStack() as stack:
        # Short, for it becomes part of the path of a socket.
        directory = pathlib.Path(tempfile.mkdtemp(prefix='lab-'))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        shared = Servers(directory, None, None)
        if name:
            room = shared.room('db')
            server: Database = database.MariaDB(room)
            if name == 'postgresql':
                server = postgresql.PostgreSQL(room)
            stack.enter_context(server)
            shared = dataclasses.replace(shared, database=server)
        if rabbitmq:
            rabbit = broker.RabbitMQ(shared.room('mq'))
            shared = dataclasses.replace(
                shared, rabbitmq=stack.enter_context(rabbit)
            )
        yield shared


@contextlib.contextmanager
def started(
    run: plan.Run, keep: pathlib.Path | None = None
) -> Iterator[Bench]:
    """Start everything that a run needs, and stop it whatever happens.

    :param run: what to start.
    :param keep: a directory that gets configuration, logs and recordings.
    :returns: what runs.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(
            servers('mariadb' if run.mariadb else '', run.rabbitmq)
        )
        rabbit = shared.rabbitmq
        home = shared.room('ironic')
        if keep is not None:
            stack.callback(_keep, home, keep)
        ironic = service.Ironic(
            home,
            plugin=run.plugin,
            database=shared.database.url if shared.database else '',
            transport=rabbit.url if rabbit else '',
            split=run.split,
            options=run.options,
            command=run.command,
        )
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
        kind = witness.Witness
        if ironic.database.startswith('postgresql'):
            kind = postgresql.Witness
        eye = kind(ironic.database)
        eye.install()
        stack.enter_context(ironic)
        yield Bench(ironic, eye, collector)


def _keep(home: pathlib.Path, keep: pathlib.Path) -> None:
    """Copy what is worth reading later."""
    keep.mkdir(parents=True, exist_ok=True)
    for pattern in ('*.log', '*.conf', '*.jsonl'):
        for path in home.glob(pattern):
            shutil.copy(path, keep / path.name)
