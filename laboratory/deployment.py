# SPDX-License-Identifier: Apache-2.0
"""A run: what is to be started, what runs then, and what came of it."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
import time

from ironic_async_events.audit import observation
from ironic_async_events.patching import patched
from ironic_async_events.tests.tempest import bus
from laboratory import broker
from laboratory import clients
from laboratory import configuration
from laboratory import contract
from laboratory import database
from laboratory import lifecycle
from laboratory import recorder
from laboratory import service
from laboratory import truth
from laboratory import witness

Message = observation.Observation | observation.Malformed | observation.Ignored
Database = database.Database
_KINDS: Mapping[str, type[Database]] = {
    'mariadb': database.MariaDB,
    'postgresql': database.PostgreSQL,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What to start and do in one run; a value."""

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

    @property
    def side(self) -> str:
        """What is compared with what."""
        if self.plugin:
            return 'with the plugin'
        return 'patched' if patched.is_patched() else 'stock'

    @property
    def total(self) -> int:
        return self.clients * self.cycles * len(self.operations)

    def ironic(
        self, home: pathlib.Path, url: str, rabbit: broker.RabbitMQ | None
    ) -> service.Ironic:
        """Configure the service; on SQLite if the URL is empty."""
        return service.Ironic(
            home,
            plugin=self.plugin,
            database=url,
            transport=rabbit.url if rabbit else '',
            split=self.split,
            options=self.options,
            command=self.command,
            environment=self.environment,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """A running service with everything that watches it."""

    ironic: service.Ironic
    eye: witness.Witness
    collector: bus.Collector | None

    @property
    def recording(self) -> pathlib.Path:
        if self.collector is not None:
            return self.collector.path
        return self.ironic.recording

    def observations(self) -> list[Message]:
        """Read the notifications that have come so far."""
        if self.collector is not None:
            self.collector.wait_quiet()
        return list(map(observation.observe, recorder.read(self.recording)))

    def account(self) -> truth.Account:
        return truth.compare(self.eye.changes(), self.observations())


@dataclasses.dataclass(slots=True)
class Servers:
    directory: pathlib.Path
    database: Database | None = None
    rabbitmq: broker.RabbitMQ | None = None

    def room(self, name: str) -> pathlib.Path:
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
            server = _KINDS[name](shared.room('db'))
            shared.database = stack.enter_context(server)
        if rabbitmq:
            rabbit = broker.RabbitMQ(shared.room('mq'))
            shared.rabbitmq = stack.enter_context(rabbit)
        yield shared


@contextlib.contextmanager
def started(run: Run, copy: pathlib.Path | None = None) -> Iterator[Bench]:
    """Start everything that a run needs, and stop it whatever happens."""
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(
            servers('mariadb' if run.mariadb else '', run.rabbitmq)
        )
        home, rabbit = shared.room('ironic'), shared.rabbitmq
        if copy is not None:
            stack.callback(keep, home, copy)
        url = shared.database.url if shared.database else ''
        ironic = run.ironic(home, url, rabbit)
        amqp_url = rabbit.amqp_url if rabbit else ''
        yield stack.enter_context(watched(ironic, amqp_url))


@contextlib.contextmanager
def watched(
    ironic: service.Ironic, amqp_url: str = '', outbox: bool = False
) -> Iterator[Bench]:
    """Start a service on an empty database, with everything that watches."""
    with contextlib.ExitStack() as stack:
        collector = None
        if amqp_url:
            path = ironic.directory / 'notifications.jsonl'
            collector = stack.enter_context(bus.Collector(amqp_url, path))
        ironic.create_schema()
        if outbox:
            ironic.run_once('ironic-async-events-dbsync', 'upgrade')
        eye = witness.Witness(ironic.database)
        eye.install()
        stack.enter_context(ironic)
        yield Bench(ironic, eye, collector)


def keep(directory: pathlib.Path, copy: pathlib.Path) -> None:
    """Copy what is worth reading later: configuration, logs, recordings."""
    for path in directory.rglob('*'):
        if path.suffix in ('.log', '.conf', '.jsonl') and path.is_file():
            target = copy / path.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What came of a run; each 202 that was not kept is a line."""

    run: Run
    operations: int
    observations: Sequence[Message]
    account: truth.Account
    get_violations: Sequence[str]
    seconds: float

    @property
    def malformed(self) -> list[str]:
        return [
            one.reason
            for one in self.observations
            if isinstance(one, observation.Malformed)
        ]

    @property
    def anomalies(self) -> int:
        wrong = self.account.rows, self.get_violations, self.malformed
        return sum(map(len, wrong))


def measure(
    bench: Bench, run: Run, progress: Callable[[], None] = lambda: None
) -> Result:
    """Drive a running service, stop it, and compare."""
    began = time.monotonic()
    work = run.clients, run.cycles, run.operations
    accepted = clients.drive(bench.ironic.endpoint, *work, progress)
    seconds = time.monotonic() - began
    # A conductor that is asked to stop ends its work first: what was still
    # to be announced is announced then.
    bench.ironic.stop()
    return Result(
        run=run,
        operations=len(accepted),
        observations=bench.observations(),
        account=bench.account(),
        get_violations=contract.violations(accepted, bench.eye.read()),
        seconds=seconds,
    )


def execute(
    run: Run,
    copy: pathlib.Path | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Result:
    with started(run, copy) as running:
        return measure(running, run, progress)
