# SPDX-License-Identifier: Apache-2.0
"""One side of the comparison: databases, keystone, Ironic, tempest, audit."""

from collections.abc import Mapping
import contextlib
import dataclasses
import pathlib
import shutil
import tempfile
import time

from ironic_async_events.audit import summary
from laboratory import broker
from laboratory import configuration
from laboratory import database
from laboratory import deployment
from laboratory import truth
from laboratory.tempest_run import ironic as ironic_module
from laboratory.tempest_run import keystone
from laboratory.tempest_run import suite

# So few workers that a test can use them up while one gets its power.
_WORKERS = 12
_STARVED = {
    'conductor': {
        'workers_pool_size': _WORKERS,
        'reserved_workers_pool_percentage': 0,
        # Ironic starts so many at once, and wants room for more.
        'sync_power_state_workers': 1,
        'periodic_max_workers': 1,
    },
    'fake': {'power_delay': 20},
}
_FEW = 'ironic_async_events.tests.tempest.tests.test_no_worker'


@dataclasses.dataclass(frozen=True)
class Commands:
    """Directories of commands.

    :param keystone: of keystone's environment.
    :param tempest: of tempest's environment.
    """

    keystone: pathlib.Path
    tempest: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of one side.

    :param statuses: of each test.
    :param audited: what the notifications say by themselves.
    :param account: notifications against committed changes.
    :param seconds: tempest's run.
    """

    statuses: Mapping[str, str]
    audited: summary.Audit
    account: truth.Account
    seconds: float

    @property
    def findings(self) -> int:
        """How many things are wrong with the notifications.

        That none was checked is wrong as well.
        """
        return (
            len(self.account.rows)
            + sum(self.audited.counts.values())
            + self.audited.malformed
            + (not self.audited.checked)
        )


def run(
    plugin: bool,
    commands: Commands,
    tests: str,
    over_bus: bool,
    keep: pathlib.Path | None,
) -> Result:
    """Start everything, run tempest, stop everything, judge.

    :param plugin: whether Ironic has the plugin.
    :param commands: where keystone and tempest are.
    :param tests: a regular expression.
    :param over_bus: whether the tests hear notifications from RabbitMQ, and
        not from the recording.
    :param keep: a directory for configuration, logs and recording.
    :returns: what came of it.
    :raises LaboratoryError: when something does not start or run.
    """
    with contextlib.ExitStack() as stack:
        # Short, for it becomes part of the path of a socket.
        directory = pathlib.Path(tempfile.mkdtemp(prefix='tmp-'))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        if keep is not None:
            stack.callback(_keep, directory, keep)

        def room(name: str) -> pathlib.Path:
            (directory / name).mkdir()
            return directory / name

        server = stack.enter_context(database.MariaDB(room('db')))
        identity = stack.enter_context(
            keystone.Keystone(
                room('keystone'), commands.keystone, server.another('keystone')
            )
        )
        transport = ''
        if over_bus:
            rabbit = stack.enter_context(broker.RabbitMQ(room('mq')))
            transport = rabbit.url
        ironic = ironic_module.Ironic(
            room('ironic'),
            plugin=plugin,
            database=server.url,
            identity=identity,
            transport=transport,
        )
        identity.register(ironic.endpoint)
        running = stack.enter_context(deployment.watched(ironic))
        # On stock their order is not what it should be, which is known.
        hear: dict[str, object] = {}
        if plugin and over_bus:
            hear['amqp_url'] = rabbit.amqp_url
        elif plugin:
            hear['recording'] = ironic.recording
        began = time.monotonic()
        statuses = suite.Suite(
            room('tempest'), commands.tempest, identity, hear
        ).run(tests)
        # What was skipped for its having workers enough, with too few now.
        skipped = [test for test in statuses if _FEW in test]
        if skipped:
            ironic.stop()
            ironic.options = configuration.merged(ironic.options, _STARVED)
            ironic.start()
            for test in skipped:
                del statuses[test]
            statuses |= suite.Suite(
                room('starved'), commands.tempest, identity, hear, _WORKERS
            ).run(_FEW)
        seconds = time.monotonic() - began
        # A conductor that is asked to stop ends its work first.
        ironic.stop()
        audited = summary.Audit()
        for seen in running.observations():
            audited.take(seen)
        audited.finish(complete=True)
        return Result(statuses, audited, running.account(), seconds)


def _keep(directory: pathlib.Path, keep: pathlib.Path) -> None:
    """Copy what is worth reading later."""
    keep.mkdir(parents=True, exist_ok=True)
    for pattern in ('*/*.log', '*/*.conf', '*/*.jsonl', '*/*/*/*.conf'):
        for path in directory.glob(pattern):
            room = keep / path.relative_to(directory).parts[0]
            room.mkdir(exist_ok=True)
            shutil.copy(path, room / path.name)
