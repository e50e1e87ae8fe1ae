# SPDX-License-Identifier: Apache-2.0
"""One measured run: start, drive, wait until it is quiet, stop, compare."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from ironic_async_events.audit import observation
from ironic_async_events.audit import witness as audit
from ironic_async_events.tests.laboratory import (
    broker,
    bus,
    clients,
    configuration,
    contract,
    database,
    lifecycle,
    recording,
    service,
    witness,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What to do in one run; a value.

    :param plugin: with the plugin, or stock.
    :param mariadb: on MariaDB, or on SQLite.
    :param rabbitmq: with RabbitMQ, or recorded without a broker.
    :param split: ``ironic-conductor`` and ``ironic-api``, or all in one.
    :param clients: how many clients at once.
    :param cycles: how many lives each client leads, one after the other.
    :param operations: the life.
    :param options: more options for ``ironic.conf``.
    :param command: what to run instead of the all-in-one command.
    """

    plugin: bool
    mariadb: bool = False
    rabbitmq: bool = False
    split: bool = False
    clients: int = 8
    cycles: int = 1
    operations: Sequence[lifecycle.Operation] = lifecycle.LIFE
    options: configuration.Options = dataclasses.field(default_factory=dict)
    command: Sequence[str] = ()

    def __str__(self) -> str:
        return ', '.join(
            (
                'with the plugin' if self.plugin else 'stock',
                'MariaDB' if self.mariadb else 'SQLite',
                'RabbitMQ' if self.rabbitmq else 'no broker',
            )
        )

    @property
    def total(self) -> int:
        """How many operations it will do."""
        return self.clients * self.cycles * len(self.operations)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    :param run: the run.
    :param accepted: every request that was answered with 202.
    :param refused: how often a request was turned away as busy.
    :param seen: every committed change and creation.
    :param observations: what the notifications say, in order of arrival.
    :param account: changes and notifications compared.
    :param get_violations: one line for each 202 that was not kept.
    :param seconds: from the first request to the last operation's end.
    """

    run: Run
    accepted: Sequence[contract.Accepted]
    refused: int
    seen: Sequence[witness.Seen]
    observations: Sequence[
        observation.Observation | observation.Malformed | observation.Ignored
    ]
    account: audit.Account
    get_violations: Sequence[str]
    seconds: float

    @property
    def operations(self) -> int:
        """How many operations were accepted."""
        return len(self.accepted)

    @property
    def malformed(self) -> list[str]:
        """Why messages could not be read, one line each."""
        return [
            one.reason
            for one in self.observations
            if isinstance(one, observation.Malformed)
        ]

    @property
    def anomalies(self) -> int:
        """How many things are not as they must be."""
        return (
            len(self.account.rows)
            + len(self.get_violations)
            + len(self.malformed)
        )

    def latency(self, share: float) -> float:
        """Seconds from request to 202 that this share did not exceed."""
        ordered = sorted(one.latency for one in self.accepted)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def as_dict(self) -> Mapping[str, object]:
        """Return the figures, for a file."""
        return {
            'run': str(self.run),
            'clients': self.run.clients,
            'operations': self.operations,
            'refused': self.refused,
            'account': self.account.as_dict(),
            'malformed': len(self.malformed),
            'get_violations': list(self.get_violations),
            'seconds': round(self.seconds, 3),
            'latency_median': round(self.latency(0.5), 4),
            'latency_95': round(self.latency(0.95), 4),
        }


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

    def observations(self) -> list[
        observation.Observation | observation.Malformed | observation.Ignored
    ]:
        """Read the notifications that have come so far."""
        if self.collector is not None:
            self.collector.wait_quiet()
        return [
            observation.observe(line)
            for line in recording.read(self.recording)
        ]

    def account(self) -> audit.Account:
        """Compare what was committed so far with what was announced."""
        return audit.compare(
            [
                (one.node, one.before_state, one.state)
                for one in self.eye.read()
                if one.before_state is not None
            ],
            self.observations(),
        )


@contextlib.contextmanager
def started(run: Run, keep: pathlib.Path | None = None) -> Iterator[Bench]:
    """Start everything that a run needs, and stop it whatever happens.

    :param run: what to start.
    :param keep: a directory that gets configuration, logs and recordings.
    :returns: what runs.
    :raises LaboratoryError: when something is missing or does not start.
    """
    with contextlib.ExitStack() as stack:
        # Short, for it becomes part of the path of a socket.
        directory = pathlib.Path(tempfile.mkdtemp(prefix='lab-'))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)

        def room(name: str) -> pathlib.Path:
            (directory / name).mkdir()
            return directory / name

        home = room('ironic')
        if keep is not None:
            stack.callback(_keep, home, keep)
        url = transport = ''
        if run.mariadb:
            url = stack.enter_context(database.MariaDB(room('db'))).url
        collector = None
        if run.rabbitmq:
            rabbit = stack.enter_context(broker.RabbitMQ(room('mq')))
            transport = rabbit.url
            collector = stack.enter_context(
                bus.Collector(rabbit.amqp_url, home / 'notifications.jsonl')
            )
        ironic = service.Ironic(
            home,
            plugin=run.plugin,
            database=url,
            transport=transport,
            split=run.split,
            options=run.options,
            command=run.command,
        )
        ironic.create_schema()
        eye = witness.Witness(ironic.database)
        eye.install()
        stack.enter_context(ironic)
        yield Bench(ironic, eye, collector)


def execute(
    run: Run,
    keep: pathlib.Path | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Result:
    """Do one run from beginning to end.

    :param run: what to do.
    :param keep: a directory for configuration, logs, recordings and figures.
    :param progress: called after each operation, from any thread.
    :returns: what came of it.
    :raises LaboratoryError: when something is missing, does not start, or
        an operation does not come to its end.
    """
    with started(run, keep) as bench:
        began = time.monotonic()
        account = clients.drive(
            bench.ironic.endpoint,
            run.clients,
            run.cycles,
            run.operations,
            progress,
        )
        seconds = time.monotonic() - began
        # Who emits holds no lock any more only on stock: give its last
        # notification, and the bus, the time to arrive.
        bench.observations()
        bench.ironic.stop()
        seen = bench.eye.read()
        result = Result(
            run=run,
            accepted=account.accepted,
            refused=account.refused,
            seen=seen,
            observations=bench.observations(),
            account=bench.account(),
            get_violations=contract.violations(account.accepted, seen),
            seconds=seconds,
        )
    if keep is not None:
        (keep / 'result.json').write_text(
            json.dumps(result.as_dict(), indent=2) + '\n', encoding='utf-8'
        )
    return result


def _keep(home: pathlib.Path, keep: pathlib.Path) -> None:
    """Copy what is worth reading later."""
    keep.mkdir(parents=True, exist_ok=True)
    for pattern in ('*.log', '*.conf', '*.jsonl'):
        for path in home.glob(pattern):
            shutil.copy(path, keep / path.name)
