# SPDX-License-Identifier: Apache-2.0
"""Run the comparison with stock on databases that are servers."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

from laboratory import command
from laboratory import database
from laboratory import processes
from laboratory.galera import servers

_TESTS = 'ironic_async_events.tests.unit.compared.test_compared'


@contextlib.contextmanager
def _alone(
    kind: type[database.Database], path: pathlib.Path
) -> Iterator[dict[str, str]]:
    with kind(path) as server:
        yield {'COMPARED_DATABASE': server.url}


@contextlib.contextmanager
def _galera(path: pathlib.Path) -> Iterator[dict[str, str]]:
    """Start two servers; one lags by as much as a row of a table says."""
    with contextlib.ExitStack() as stack:
        pair = []
        for name in ('ahead', 'behind'):
            (path / name).mkdir()
            pair.append(servers.Server(path / name))
        for server in pair:
            server.members = pair
            stack.callback(server.kill)
            server.start()
        ahead, behind = pair
        ahead.execute(servers.LAG.format('lag'))
        behind.execute('SELECT 1')
        servers.lag(behind, 'lag')
        yield {
            'COMPARED_DATABASE': behind.url,
            'COMPARED_AHEAD': ahead.url,
        }


_DATABASES = {
    'mariadb': lambda path: _alone(database.MariaDB, path),
    'postgresql': lambda path: _alone(database.PostgreSQL, path),
    'galera': _galera,
}


def main() -> int:
    """Run the tests on each database; the exit status is 0 if all pass."""
    parser = command.parser('compared', __doc__)
    parser.add_argument('databases', nargs='*', choices=[*_DATABASES, []])
    parser.add_argument('-k', action='append', help='only tests named so')
    arguments = parser.parse_args()
    processes.end_on_sigterm()
    failed = []
    for name in arguments.databases or _DATABASES:
        only = ['lags'] if name == 'galera' else arguments.k or []
        with (
            tempfile.TemporaryDirectory(prefix='lab-') as directory,
            _DATABASES[name](pathlib.Path(directory)) as environment,
        ):
            print(f'== {name}', flush=True)
            tests = [sys.executable, '-m', 'unittest', '-v', _TESTS]
            status = subprocess.run(
                [*tests, *(f'-k{part}' for part in only)],
                env=os.environ | environment,
                check=False,
            ).returncode
        if status:
            failed.append(name)
    print(f'worse than stock on: {", ".join(failed) or "none"}')
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
