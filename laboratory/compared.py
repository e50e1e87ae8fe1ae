# SPDX-License-Identifier: Apache-2.0
"""Run the comparison with stock on databases that are servers."""

from collections.abc import Iterator
import contextlib
import os
import subprocess
import sys

from laboratory import command
from laboratory import deployment
from laboratory import processes
from laboratory.galera import servers

_TESTS = 'ironic_async_events.tests.unit.compared.test_compared'


@contextlib.contextmanager
def _alone(name: str) -> Iterator[dict[str, str]]:
    with deployment.servers(name, False) as shared:
        assert shared.database is not None
        yield {'COMPARED_DATABASE': shared.database.url}


@contextlib.contextmanager
def _galera(name: str) -> Iterator[dict[str, str]]:
    """Start two servers; one lags by as much as a row of a table says."""
    with (
        deployment.servers('', False) as shared,
        servers.Galera(shared.room('db'), 'ab') as galera,
    ):
        ahead, behind = galera.servers
        ahead.execute(servers.LAG.format('lag'))
        behind.execute('SELECT 1')
        servers.lag(behind, 'lag')
        yield {'COMPARED_DATABASE': behind.url, 'COMPARED_AHEAD': ahead.url}


_DATABASES = {'mariadb': _alone, 'postgresql': _alone, 'galera': _galera}


def main() -> int:
    """Run the tests on each database; the exit status is 0 if all pass."""
    parser = command.parser('compared', __doc__)
    parser.add_argument('databases', nargs='*', choices=[*_DATABASES, []])
    arguments = parser.parse_args()
    processes.end_on_sigterm()
    failed = []
    for name in arguments.databases or _DATABASES:
        only = ['-klags'] if name == 'galera' else []
        with _DATABASES[name](name) as environment:
            print(f'== {name}', flush=True)
            status = subprocess.run(
                [sys.executable, '-m', 'unittest', '-v', _TESTS, *only],
                env=os.environ | environment,
                check=False,
            ).returncode
        if status:
            failed.append(name)
    print(f'worse than stock on: {", ".join(failed) or "none"}')
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
