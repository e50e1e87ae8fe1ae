# SPDX-License-Identifier: Apache-2.0
"""What was measured, and on what: versions, and the size of the machine."""

from collections.abc import Mapping
import importlib.metadata
import os
import pathlib
import platform
import subprocess

_PLUGIN = 'ironic-async-events'
_PACKAGES = (
    'ironic',
    'SQLAlchemy',
    'oslo.db',
    'oslo.messaging',
    'openstacksdk',
)
_DEBIAN = {'MariaDB': 'mariadb-server', 'RabbitMQ': 'rabbitmq-server'}
_UNKNOWN = 'unknown'


def versions() -> dict[str, str]:
    """Return the versions of what takes part beside the plugin."""
    found = {'Python': platform.python_version()}
    for name in _PACKAGES:
        found[name] = importlib.metadata.version(name)
    for name, package in _DEBIAN.items():
        found[name] = _debian(package)
    return found


def plugin() -> str:
    """Return the version of the plugin.

    It is kept for each figure by itself: pieces of one result may be
    measured before and after a change, others are not touched by it.
    """
    return importlib.metadata.version(_PLUGIN)


def _debian(package: str) -> str:
    try:
        return subprocess.run(
            ['dpkg-query', '--showformat=${Version}', '--show', package],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return _UNKNOWN


def size() -> dict[str, str]:
    """Return how large this machine is."""
    pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return {
        'processors': str(len(os.sched_getaffinity(0))),
        'model': _field('/proc/cpuinfo', 'model name'),
        'memory': f'{pages / 2**30:.0f} GiB',
        'kernel': platform.release().partition('-')[0],
    }


def _field(path: str, name: str) -> str:
    for line in pathlib.Path(path).read_text().splitlines():
        key, _, value = line.partition(':')
        if key.strip() == name:
            return value.strip()
    return _UNKNOWN


def differ(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """List what is not the same on both sides, in words."""
    return [
        f'{name}: {one.get(name)}, {other.get(name)}'
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
