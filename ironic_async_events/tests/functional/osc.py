# SPDX-License-Identifier: Apache-2.0
"""``openstack baremetal node``, the command, with ``--wait``.

The command of python-ironicclient looks for the first time right after the
202, and after that every two or ten seconds, depending on the verb.
"""

from collections.abc import Sequence
import concurrent.futures
import dataclasses
import json

from laboratory import clients
from laboratory import deployment
from laboratory import errors
from laboratory import lifecycle
from laboratory import processes
from laboratory import service

WAIT_SECONDS = 60
_NAMES = {'active': 'deploy', 'deleted': 'undeploy'}
_NOT_WAITING = ('abort', 'unhold')


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """One command for a node of its own.

    :param path: what brings a new node to where the operation starts: names
        of operations.
    """

    operation: lifecycle.Operation
    path: Sequence[str]

    @property
    def verb(self) -> str:
        """The operation, as the command calls it."""
        return _NAMES.get(self.operation.verb, self.operation.verb)

    @property
    def waits(self) -> bool:
        """Whether the command has the option ``--wait``."""
        return self.verb not in _NOT_WAITING

    def arguments(self, node: str) -> list[str]:
        """Compose what follows ``openstack``."""
        result = ['baremetal', 'node', self.verb, node]
        for name, value in self.operation.arguments.items():
            text = value if isinstance(value, str) else json.dumps(value)
            result += [f'--{name.replace("_", "-")}', text]
        if self.waits:
            result += ['--wait', str(WAIT_SECONDS)]
        return result


def _command(name: str, *path: str) -> Command:
    return Command(lifecycle.operation(name), path)


_ACTIVE = ('manage', 'adopt')
COMMANDS: Sequence[Command] = (
    _command('manage'),
    _command('inspect', 'manage'),
    _command('clean', 'manage'),
    _command('provide', 'manage'),
    _command('active', 'manage', 'provide'),
    _command('adopt', 'manage'),
    _command('rebuild', *_ACTIVE),
    _command('service', *_ACTIVE),
    _command('rescue', *_ACTIVE),
    _command('unrescue', *_ACTIVE, 'rescue'),
    _command('deleted', *_ACTIVE),
    _command('abort', *_ACTIVE, 'service, failing'),
    _command('unhold', *_ACTIVE, 'service, holding'),
)
"""One for each verb."""

FAILING = _command('clean, failing', 'manage')
"""An operation whose work fails after it was accepted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """One command that has returned."""

    command: Command
    returncode: int | None
    states: Sequence[str | None]
    output: str


def prepare(running: deployment.Bench, command: Command) -> str:
    """Bring a node to where a command starts."""
    endpoint = running.ironic.endpoint
    node = clients.Client(endpoint).lead(*command.path)
    # Ironic puts a node that failed into maintenance.
    clients.connect(endpoint).baremetal.unset_node_maintenance(node.id)
    return str(node.id)


def run(running: deployment.Bench, command: Command, node: str) -> Ran:
    """Run a command to its end."""
    ironic = running.ironic
    before = running.eye.read(node=node)[-1].id
    process = processes.Process(
        'openstack',
        [
            service.script('openstack'),
            *('--os-auth-type', 'none', '--os-endpoint', ironic.endpoint),
            *command.arguments(node),
        ],
        ironic.directory / f'openstack-{node}.log',
        # It keeps the version of each API that it has met.
        {'XDG_CACHE_HOME': str(ironic.directory)},
    )
    with process.start():
        processes.wait_for(
            lambda: process.returncode is not None, 2 * WAIT_SECONDS
        )
        states = [one.state for one in running.eye.read(before, node)]
        output = processes.tail(process.log)
        if process.returncode is None:
            raise errors.LaboratoryError(
                f'{command.verb} did not end within {2 * WAIT_SECONDS} s. '
                f'The end of its output:\n{output}'
            )
        return Ran(command, process.returncode, states, output)


def run_all(
    running: deployment.Bench, commands: Sequence[Command]
) -> list[Ran]:
    """Run commands, each on a node of its own, all at once."""
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as executor:
        # None begins before all nodes are there.
        nodes = list(executor.map(lambda one: prepare(running, one), commands))
        return list(
            executor.map(lambda *one: run(running, *one), commands, nodes)
        )
