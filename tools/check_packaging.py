#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build the package, install it beside an Ironic, and remove it again.

Run by a Python that has Ironic, build and twine; the package must not be
installed there. What is checked is the last commit, in a clone of its own.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Mapping
import configparser
import contextlib
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
import zipfile

NAME = 'ironic-async-events'
PACKAGE = 'ironic_async_events'
_OF_TESTS = re.compile(
    r'^\s*(?:import|from)\s+(laboratory\b[\w.]*'
    rf'|{PACKAGE}\.tests\.(?:unit|functional|samples)\b[\w.]*)',
    re.MULTILINE,
)

# Run in the environment that has the wheel: what Ironic does at its start.
_LOAD = """
import sys
from oslo_config import cfg
import oslo_messaging
from oslo_messaging.notify import notifier
from ironic_async_events import patching
conf = cfg.CONF
conf([], project='ironic', default_config_files=[])
oslo_messaging.Notifier(
    oslo_messaging.get_notification_transport(conf, url='fake:/'),
    driver='async_events',
)
assert patching.state().installed, patching.state()
assert 'ironic.conductor.manager' not in sys.modules
import ironic.conductor.manager
assert patching.state().active, patching.state()
"""


class Failed(Exception):
    """The package is not as it must be."""


def run(
    *command: str | os.PathLike[str], cwd: pathlib.Path | None = None
) -> str:
    """Run a command and return its output.

    :raises Failed: when it fails, with the end of its output.
    """
    done = subprocess.run(  # noqa: S603
        command,
        cwd=cwd,
        # Nobody but pip is to write compiled files here.
        env=os.environ | {'PYTHONDONTWRITEBYTECODE': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        end = '\n'.join(done.stdout.splitlines()[-25:])
        raise Failed(f'{" ".join(map(str, command))} failed:\n{end}')
    return done.stdout


def pip(*arguments: str | os.PathLike[str]) -> str:
    """Run pip in the environment of this Python."""
    return run(
        sys.executable,
        '-m',
        'pip',
        '--disable-pip-version-check',
        *arguments,
        cwd=pathlib.Path(tempfile.gettempdir()),
    )


def frozen() -> list[str]:
    """List what is installed, with versions."""
    return sorted(
        line
        for line in pip('list', '--format=freeze').splitlines()
        if '==' in line
    )


def files() -> dict[str, str]:
    """Map each file of the environment to a digest of its content."""
    prefix = pathlib.Path(sys.prefix)
    return {
        str(path.relative_to(prefix)): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in prefix.rglob('*')
        if path.is_file() and not path.is_symlink()
    }


def require(condition: bool, message: str) -> None:
    """Raise :exc:`Failed` with a message unless a condition holds."""
    if not condition:
        raise Failed(message)


def build(
    source: pathlib.Path, target: pathlib.Path
) -> dict[str, pathlib.Path]:
    """Build an sdist, and from it a wheel.

    :returns: both, by their kinds.
    """
    run(sys.executable, '-m', 'build', '--outdir', target, source)
    (sdist,) = target.glob('*.tar.gz')
    (wheel,) = target.glob('*.whl')
    return {'sdist': sdist, 'wheel': wheel}


def check_sdist(sdist: pathlib.Path, committed: set[str]) -> int:
    """Compare the files of the sdist with those of the commit.

    :returns: how many files it has.
    """
    with tarfile.open(sdist) as archive:
        names = {
            name.partition('/')[2]
            for name in (m.name for m in archive.getmembers() if m.isfile())
        }
    # pbr leaves out what only git reads.
    missing = sorted(committed - names - {'.gitignore'})
    require(not missing, f'the sdist lacks {missing}')
    return len(names)


def ships(name: str) -> bool:
    """Tell whether the wheel must hold a committed file.

    Of the tests, an operator runs the tempest plugin alone.
    """
    tests = f'{PACKAGE}/tests/'
    return name.startswith(f'{PACKAGE}/') and (
        not name.startswith(tests)
        or name == f'{tests}__init__.py'
        or name.startswith(f'{tests}tempest/')
    )


def check_imports(archive: zipfile.ZipFile, names: set[str]) -> None:
    """Require that no module of the wheel imports what only tests have."""
    for name in sorted(names):
        if name.endswith('.py'):
            imported = _OF_TESTS.findall(archive.read(name).decode())
            require(not imported, f'{name} imports {imported}')


def check_wheel(
    wheel: pathlib.Path, committed: set[str], project: Mapping[str, dict]
) -> int:
    """Compare the wheel with the commit and with pyproject.toml.

    :returns: how many files it has.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        check_imports(archive, names)
        (points,) = (n for n in names if n.endswith('/entry_points.txt'))
        written = configparser.ConfigParser(delimiters='=')
        written.optionxform = str  # type: ignore[assignment,method-assign]
        written.read_string(archive.read(points).decode())
    code = {name for name in committed if ships(name)}
    missing = sorted(code - names)
    require(not missing, f'the wheel lacks {missing}')
    foreign = sorted(
        name
        for name in names - code
        if '.dist-info/' not in name.partition('/')[0] + '/'
    )
    require(not foreign, f'the wheel has what it must not have: {foreign}')
    wanted = {
        **project.get('entry-points', {}),
        'console_scripts': project.get('scripts', {}),
    }
    declared = {
        (group, name, value)
        for group, values in wanted.items()
        for name, value in values.items()
    }
    found = {
        (group, name, value)
        for group in written.sections()
        for name, value in written[group].items()
    }
    require(
        declared == found, f'entry points differ: {sorted(declared ^ found)}'
    )
    elsewhere = sorted(
        value
        for _group, _name, value in found
        if value.partition(':')[0].replace('.', '/') + '.py' not in names
    )
    require(not elsewhere, f'entry points lead out of the wheel: {elsewhere}')
    return len(names)


@contextlib.contextmanager
def installed(wheel: pathlib.Path) -> Iterator[None]:
    """Install the wheel, and remove it whatever happens."""
    pip('install', '--quiet', wheel)
    try:
        yield
    finally:
        pip('uninstall', '--yes', NAME)


def check_life(wheel: pathlib.Path) -> int:
    """Install, load and uninstall the wheel.

    :returns: how many distributions were there before, and are after.
    """
    before, files_before = frozen(), files()
    require(
        not any(line.startswith(f'{NAME}==') for line in before),
        f'{NAME} is installed already: pip uninstall {NAME}',
    )
    require(
        any(line.startswith('ironic==') for line in before),
        'there is no Ironic: pip install ironic',
    )
    with installed(wheel):
        changed = set(frozen()) ^ set(before)
        other = {line for line in changed if not line.startswith(f'{NAME}==')}
        require(
            not other and len(changed) == 1,
            f'installing changed other versions: {sorted(other)}',
        )
        run(sys.executable, '-W', 'ignore', '-c', _LOAD, cwd=wheel.parent)
        require(files() != files_before, 'installing installed no file')
    require(frozen() == before, 'uninstalling did not restore the versions')
    files_after = files()
    left = sorted(files_after.keys() - files_before.keys())
    gone = sorted(files_before.keys() - files_after.keys())
    differ = sorted(
        name
        for name in files_after.keys() & files_before.keys()
        if files_after[name] != files_before[name]
    )
    require(not left, f'uninstalling left behind {left}')
    require(not gone, f'uninstalling took away {gone}')
    require(not differ, f'other files were changed: {differ}')
    site = pathlib.Path(sysconfig.get_path('purelib'))
    require(not (site / PACKAGE).exists(), f'a directory is left in {site}')
    return len(before)


def main() -> int:
    """Check everything, and say what was found.

    :returns: 0 when all is well, 1 when it is not.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    try:
        with tempfile.TemporaryDirectory() as directory:
            source = pathlib.Path(directory, 'source')
            run('git', 'clone', '--quiet', '--no-hardlinks', root, source)
            committed = set(run('git', 'ls-files', cwd=source).split('\n'))
            committed.discard('')
            project = tomllib.loads((source / 'pyproject.toml').read_text())
            built = build(source, pathlib.Path(directory, 'dist'))
            print(f'built {", ".join(path.name for path in built.values())}')
            run(
                sys.executable,
                '-m',
                'twine',
                'check',
                '--strict',
                *built.values(),
            )
            print('twine check --strict: passed')
            count = check_sdist(built['sdist'], committed)
            print(f'sdist: {count} files, all that is committed among them')
            count = check_wheel(built['wheel'], committed, project['project'])
            print(
                f'wheel: {count} files; code and entry points as declared, '
                'nothing that only tests need'
            )
            count = check_life(built['wheel'])
            print(
                f'installed beside {count} distributions and loaded: no '
                'version changed; uninstalled: every file as before'
            )
    except Failed as error:
        print(f'check_packaging: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
