# SPDX-License-Identifier: Apache-2.0
"""Start and stop a real Ironic: all in one, or conductor and API."""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import pathlib
import sys
from typing import Any

from ironic_async_events.patching import patched
from laboratory import configuration
from laboratory import errors
from laboratory import processes
from laboratory import recorder
from laboratory.api import Api

START_SECONDS = processes.START_SECONDS

# One of each interface, so that no precedence decides what is tested. What
# is not here has its default.
_KINDS = (
    'bios boot console deploy firmware inspect management network power raid '
    'rescue storage vendor'
)
_INTERFACES = {
    option: 'noop' if kind == 'network' else 'fake'
    for kind in _KINDS.split()
    for option in (f'enabled_{kind}_interfaces', f'default_{kind}_interface')
}

# Periodic tasks take node locks on their own account and would turn client
# requests away. They are off on stock and with the plugin alike.
_QUIET = {
    'sync_power_state_interval': 0,
    'check_provision_state_interval': 0,
    'check_allocations_interval': 0,
    'cache_clean_up_interval': 0,
    'node_history_cleanup_batch_count': 0,
    'conductor_cleanup_interval': 0,
    'power_failure_recovery_interval': 0,
}

# What ironic-dbsync has made of an empty SQLite file: always the same.
_TABLES: list[bytes] = []


def script(name: str) -> str:
    """Find a command of the Ironic that is installed beside this Python."""
    path = pathlib.Path(sys.executable).parent / name
    if not path.exists():
        raise errors.LaboratoryError(
            f'{path} is missing: install Ironic beside this Python'
        )
    return str(path)


def patched_tree(name: str) -> pathlib.Path:
    """Read an argument that names a source tree with the series of commits."""
    tree = pathlib.Path(name).resolve()
    if not patched.has_series(tree / 'ironic'):
        raise argparse.ArgumentTypeError(
            f'{tree} is no patched Ironic; see "patchset apply"'
        )
    return tree


class Ironic(processes.Server):
    """An Ironic on loopback in a directory of its own; a context manager."""

    def __init__(
        self,
        directory: pathlib.Path,
        *,
        plugin: bool,
        database: str = '',
        transport: str = '',
        split: bool = False,
        options: configuration.Options | None = None,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(directory)
        self.database = database or f'sqlite:///{directory}/ironic.sqlite'
        self.recording = directory / 'notifications.jsonl'
        self.split = split
        self.port = processes.free_port()
        self.headers: dict[str, str] = {}
        """What goes with each request beside the version."""
        self.environment = dict(environment or {})
        self._command = list(command)
        self._config = directory / 'ironic.conf'
        drivers = ['messagingv2' if transport else 'async_events_recorder']
        if plugin:
            drivers.append('async_events')
        rpc = 'oslo' if transport else 'json-rpc'
        local = {'host_ip': '127.0.0.1'}
        rpc_port = processes.free_port()
        common: configuration.Options = {
            'DEFAULT': {
                'host': '127.0.0.1' if split else 'laboratory',
                'state_path': directory,
                'auth_strategy': 'noauth',
                'rpc_transport': rpc if split else 'none',
                'transport_url': transport or 'fake:/',
                'notification_level': 'info',
                'enabled_hardware_types': 'fake-hardware',
                'debug': False,
                'use_stderr': True,
                **_INTERFACES,
            },
            'api': {**local, 'port': self.port, 'api_workers': 1},
            'json_rpc': {**local, 'port': rpc_port, 'auth_strategy': 'noauth'},
            'conductor': _QUIET,
            'database': {
                'connection': self.database,
                # What a power failure would cost is a test. SQLite knows no
                # queue for writers: the longer a commit takes, the more often
                # Ironic has to try again, after a pause by chance.
                'sqlite_synchronous': False,
            },
            'oslo_concurrency': {'lock_path': directory / 'locks'},
            'oslo_messaging_notifications': {'driver': drivers},
            # Where agents are told to call.
            'service_catalog': {'endpoint_override': self.endpoint},
        }
        self.options = configuration.merged(common, options or {})

    @property
    def endpoint(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def log(self, name: str) -> pathlib.Path:
        return self.directory / f'{name}.log'

    def create_schema(self) -> None:
        """Write the configuration and create the tables."""
        sqlite = self.directory / 'ironic.sqlite'
        own = self.database == f'sqlite:///{sqlite}'
        if own and _TABLES:
            configuration.write(self._config, self.options)
            sqlite.write_bytes(_TABLES[0])
            return
        self.run_once('ironic-dbsync', 'create_schema')
        if own:
            _TABLES.append(sqlite.read_bytes())

    def run_once(self, name: str, *arguments: str) -> str:
        return processes.run_once(self.part(name, arguments), START_SECONDS)

    def serve(self) -> None:
        names = ['ironic']
        if self.split:
            names = ['ironic-conductor', 'ironic-api']
        for name in names:
            self.running.append(self.part(name).start())
        self.running[-1].require(self.answers, START_SECONDS, 'answer at /v1')
        # A registered conductor is what a node needs to be created.
        self.running[0].require(
            lambda: self.conductors() > 0, START_SECONDS, 'be registered'
        )

    def part(
        self,
        name: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> processes.Process:
        """Prepare one command of Ironic; the caller starts and stops it."""
        configuration.write(self._config, self.options)
        argv = [script(name)]
        main = 'ironic-conductor' if self.split else 'ironic'
        if name == main and self._command:
            argv = self._command
        return processes.Process(
            name,
            [*argv, '--config-file', str(self._config), *arguments],
            self.log(name),
            {recorder.VARIABLE: str(self.recording)}
            | self.environment
            | dict(environment or {}),
        )

    def get(self, path: str) -> Mapping[str, Any] | None:
        """Fetch one resource; None while the API does not answer."""
        asked = Api(self.endpoint, '1.49', 5, self.headers)
        code, body = asked.call('GET', path)
        return body if code == 200 else None

    def answers(self) -> bool:
        return self.get('/v1') is not None

    def conductors(self) -> int:
        body = self.get('/v1/conductors') or {}
        return sum(one['alive'] for one in body.get('conductors', ()))
