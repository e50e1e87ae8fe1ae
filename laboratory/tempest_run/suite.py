# SPDX-License-Identifier: Apache-2.0
"""Install tempest, configure and run it; read and compare its results."""

from collections.abc import Mapping
import os
import pathlib
import sys

from laboratory import configuration
from laboratory import errors
from laboratory import processes
from laboratory import results
from laboratory.tempest_run import keystone

#: Ironic's tests, and the plugin's own.
#: Its scenario tests skip themselves: they need neutron and glance.
TESTS = r'^(ironic_tempest_plugin|ironic_async_events)\.'
_SECONDS = 4 * 3600.0
_INSTALL_SECONDS = 3600.0
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_OTHER_SERVICES = ('cinder', 'glance', 'horizon', 'neutron', 'nova', 'swift')

PASSED = 'success'
SKIPPED = 'skip'
GOOD = (PASSED, SKIPPED)

Statuses = Mapping[str, str]
"""Test -> status; ``inprogress`` for a test that has no result."""

REQUIREMENTS = {
    'keystone': ('keystone==30.0.0', 'cheroot', 'PyMySQL'),
    # The plugin's own tests are a tempest plugin as well: it is linked there.
    'tempest': (
        'tempest==47.0.0',
        'ironic-tempest-plugin==3.2.0',
        'kombu',
        f'-e{_ROOT}',
    ),
}


def environment(directory: pathlib.Path, name: str) -> pathlib.Path:
    """Make a virtual environment, or complete it; return its commands."""
    path, log = directory / name, directory / f'{name}.log'
    directory.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, '-m', 'venv', str(path)],
        [str(path / 'bin' / 'pip'), 'install', *REQUIREMENTS[name]],
    ):
        process = processes.Process(f'environment {path}', command, log)
        processes.run_once(process, _INSTALL_SECONDS)
    return path / 'bin'


def run(
    directory: pathlib.Path,
    commands: pathlib.Path,
    identity: keystone.Keystone,
    hear: Mapping[str, object],
    tests: str,
    workers: int = 0,
) -> dict[str, str]:
    """Run tests in a workspace of tempest, and wait for their end.

    :param hear: the options of the tempest plugin that say where it hears
        notifications; none if their order is not to be asserted.
    """
    workspace, log = directory / 'workspace', directory / 'tempest.log'
    # It registers workspaces in the home directory, and starts its workers
    # with the stestr and the Python of the path.
    environment = {
        'HOME': str(directory),
        'PYTHONWARNINGS': 'ignore',
        'PATH': f'{commands}:{os.environ["PATH"]}',
    }

    def tempest(*arguments: str) -> processes.Process:
        # It looks for its workspace in the current directory.
        at = workspace if workspace.exists() else directory
        argv = ['env', f'--chdir={at}', f'{commands}/tempest', *arguments]
        name = f'tempest {arguments[0]}'
        return processes.Process(name, argv, log, environment)

    processes.run_once(tempest('init', str(workspace)))
    configuration.write(
        workspace / 'etc' / 'tempest.conf',
        {
            'DEFAULT': {'log_file': 'debug.log'},
            'auth': {
                'use_dynamic_credentials': True,
                'create_isolated_networks': False,
                'admin_username': 'admin',
                'admin_password': keystone.PASSWORD,
                'admin_project_name': 'admin',
                'admin_domain_name': keystone.DOMAIN,
            },
            'identity': {
                'uri_v3': identity.url,
                'auth_version': 'v3',
                'region': keystone.REGION,
            },
            'service_available': {
                'ironic': True,
                **dict.fromkeys(_OTHER_SERVICES, False),
            },
            'validation': {'run_validation': False},
            'oslo_concurrency': {'lock_path': directory / 'locks'},
            'baremetal': {
                'driver': 'fake-hardware',
                'enabled_hardware_types': 'fake-hardware',
            },
            'async_events': {
                'waiting_interfaces': True,
                'workers': workers,
                **hear,
            },
        },
    )
    # Its exit code says whether tests failed, which the results say too.
    with tempest('run', '--regex', tests).start() as process:
        process.end(_SECONDS)
    found = results.last([f'{commands}/stestr'], workspace, environment)
    if not found:
        raise errors.LaboratoryError(
            f'tempest ran no test. The end of its log:\n{processes.tail(log)}'
        )
    return {test: one['status'] for test, one in found.items()}


def worse(stock: Statuses, other: Statuses) -> list[str]:
    """Return the tests that did not do as well in the other run.

    A test that passed and was skipped then, or is gone, is one of them: what
    was not run shows nothing.
    """
    return sorted(
        test
        for test in {*stock, *other}
        if _rank(other.get(test)) > _rank(stock.get(test))
    )


def acceptable(stock: Statuses, other: Statuses) -> bool:
    """Tell whether tests ran and none of them is worse than on stock."""
    return PASSED in other.values() and not worse(stock, other)


def _rank(status: str | None) -> int:
    return GOOD.index(status) if status in GOOD else len(GOOD)
