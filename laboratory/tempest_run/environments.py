# SPDX-License-Identifier: Apache-2.0
"""Virtual environments for what cannot live beside Ironic."""

import hashlib
import pathlib
import shutil
import sys

from laboratory import processes

_SECONDS = 3600.0
_ROOT = pathlib.Path(__file__).resolve().parents[2]

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


def make(directory: pathlib.Path, name: str) -> pathlib.Path:
    """Make a virtual environment, unless it is there already.

    :returns: its directory of commands.
    """
    path, requirements = directory / name, REQUIREMENTS[name]
    # Written last: an environment without it is half of one.
    marker = path / 'requirements.txt'
    wanted = '\n'.join(requirements)
    if any(str(_ROOT) in requirement for requirement in requirements):
        # A link does not follow entry points that are declared later.
        wanted += f'\n# {_digest(_ROOT / "pyproject.toml")}'
    if not marker.exists() or marker.read_text(encoding='utf-8') != wanted:
        shutil.rmtree(path, ignore_errors=True)
        directory.mkdir(parents=True, exist_ok=True)
        log = directory / f'{name}.log'
        for command in (
            [sys.executable, '-m', 'venv', str(path)],
            [str(path / 'bin' / 'pip'), 'install', *requirements],
        ):
            process = processes.Process(f'environment {path}', command, log)
            processes.run_once(process, _SECONDS)
        marker.write_text(wanted, encoding='utf-8')
    return path / 'bin'


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
