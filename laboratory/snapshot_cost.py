# SPDX-License-Identifier: Apache-2.0
"""What the snapshot of a node adds to the time of taking its lock.

``python -m laboratory.snapshot_cost`` locks nodes
in a real database, as a conductor does it, and prints one table. The time of
a lock is that of Ironic's ``TaskManager._lock()`` alone: what a request does
before and after is not in it.
"""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any

from laboratory import database
from laboratory import errors
from laboratory import inside
from laboratory import service

LIMIT = 1.0
"""How many percent of the lock's time the snapshot may take."""

_STEPS = [
    {
        'interface': interface,
        'step': step,
        'priority': priority,
        'abortable': False,
        'requires_ramdisk': True,
        'args': {},
    }
    for priority, (interface, step) in enumerate(
        (interface, step)
        for interface in ('bios', 'deploy', 'management', 'raid')
        for step in ('prepare', 'apply_configuration', 'clean_up')
    )
]
_FIELDS: Mapping[str, Any] = {
    'driver': 'fake-hardware',
    'provision_state': 'active',
    'driver_info': {
        'redfish_address': 'https://bmc.example.org',
        'redfish_system_id': '/redfish/v1/Systems/1',
        'redfish_username': 'admin',
        'redfish_password': 'secret',
        'deploy_kernel': 'http://images.example.org/ipa.kernel',
        'deploy_ramdisk': 'http://images.example.org/ipa.initramfs',
    },
    'properties': {
        'cpu_arch': 'x86_64',
        'cpus': '64',
        'memory_mb': '524288',
        'local_gb': '960',
        'capabilities': 'boot_mode:uefi,secure_boot:true',
        'root_device': {'wwn': '0x5000c500a1b2c3d4'},
    },
    'driver_internal_info': {
        'agent_url': 'https://192.0.2.7:9999',
        'agent_version': '10.2.0',
        'agent_secret_token': 'x' * 43,
        'agent_cached_deploy_steps': {'deploy': _STEPS},
        'clean_steps': _STEPS,
        'deploy_steps': _STEPS,
        'hardware_manager_version': {'generic_hardware_manager': '1.2'},
        'is_whole_disk_image': True,
        'root_uuid_or_disk_id': '0x12345678',
    },
    'instance_info': {
        'image_source': 'http://images.example.org/debian.qcow2',
        'image_checksum': 'd' * 64,
        'root_gb': '900',
        'traits': ['CUSTOM_GOLD', 'CUSTOM_RAID'],
        'capabilities': {'boot_option': 'local'},
    },
    'extra': {'site': 'a', 'rack': '17', 'contact': 'nobody'},
}
_CONFIGDRIVE = {
    **_FIELDS['instance_info'],
    'configdrive': 'H4sI' * (64 * 1024 // 4),
}
NODES: Mapping[str, Mapping[str, Any]] = {
    'deployed node': _FIELDS,
    '64 KiB configdrive': {**_FIELDS, 'instance_info': _CONFIGDRIVE},
}
"""The nodes that are locked, by their names in the table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """The medians of one node; times in seconds.

    :param node: its name in :data:`NODES`.
    :param lock: taking the lock.
    :param snapshot: taking the snapshot under it.
    :param shares: snapshot to lock in percent, one for each round.
    :param added: a lock with the snapshot less one without, taken in turns.
    """

    node: str
    lock: float
    snapshot: float
    shares: Sequence[float]
    added: float

    @property
    def share(self) -> float:
        """How many percent of the lock's time the snapshot takes."""
        return statistics.median(self.shares)


def measure(url: str, rounds: int, locks: int) -> list[Cost]:
    """Lock nodes in a database that has Ironic's tables.

    Configures Ironic in this process: it can do so for one database only.

    :param url: the database.
    :param rounds: how often each node is measured.
    :param locks: how many locks, with and without, make up a round.
    :returns: one entry for each of :data:`NODES`.
    """
    context = inside.configure(url)
    from ironic import objects
    from ironic.conductor import task_manager

    from ironic_async_events.task import native as plugin
    from ironic_async_events.task import snapshot

    clock = time.perf_counter
    took: list[tuple[float, float]] = []

    class Timed(plugin.AsyncEventTaskManager):
        """Does what its base does, and looks at the clock in between."""

        def _lock(self) -> None:
            began = clock()
            task_manager.TaskManager._lock(self)
            locked = clock()
            self._snapshot = snapshot.Snapshot(self.node)
            took.append((locked - began, clock() - locked))

    class Without(plugin.AsyncEventTaskManager):
        """The plugin's, without the snapshot."""

        def _lock(self) -> None:
            began = clock()
            task_manager.TaskManager._lock(self)
            took.append((clock() - began, 0.0))

    def lock(cls: Any, uuid: str) -> tuple[float, float]:
        cls(context, uuid, load_driver=False).release_resources()
        return took.pop()

    result = []
    for name, fields in NODES.items():
        node = objects.Node(context, **fields)
        node.create()
        lock(Timed, node.uuid)  # the first one compiles the statements
        pairs = [
            [
                (lock(Without, node.uuid), lock(Timed, node.uuid))
                for _ in range(locks)
            ]
            for _ in range(rounds)
        ]
        median = statistics.median
        flat = [pair for one in pairs for pair in one]
        result.append(
            Cost(
                node=name,
                lock=median(t[0] for _, t in flat),
                snapshot=median(t[1] for _, t in flat),
                shares=[
                    100
                    * median(t[1] for _, t in one)
                    / median(t[0] for _, t in one)
                    for one in pairs
                ],
                added=median(sum(t) for _, t in flat)
                - median(w[0] for w, _ in flat),
            )
        )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table.

    :param arguments: of the command line.
    :returns: 0 when the snapshot takes less than :data:`LIMIT`, 1 when it
        takes more, 2 when it could not be measured.
    """
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.snapshot_cost',
        description='Measure what the snapshot adds to taking a lock.',
    )
    parser.add_argument(
        '--mariadb', action='store_true', help='on MariaDB, not on SQLite'
    )
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--locks', type=int, default=100, help='in each round')
    parsed = parser.parse_args(arguments)
    try:
        with contextlib.ExitStack() as stack:
            home = pathlib.Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix='lab-', ignore_cleanup_errors=True
                    )
                )
            )
            url = ''
            if parsed.mariadb:
                (home / 'db').mkdir()
                url = stack.enter_context(database.MariaDB(home / 'db')).url
            ironic = service.Ironic(home, plugin=False, database=url)
            ironic.create_schema()
            costs = measure(ironic.database, parsed.rounds, parsed.locks)
    except errors.LaboratoryError as error:
        print(f'snapshot_cost: {error}', file=sys.stderr)
        return 2
    print(f'{"MariaDB" if parsed.mariadb else "SQLite":<20}', end='')
    print('   lock ms  snapshot us  with - without us  percent (rounds)')
    for cost in costs:
        print(
            f'{cost.node:<20}{cost.lock * 1e3:>10.2f}'
            f'{cost.snapshot * 1e6:>13.1f}{cost.added * 1e6:>19.1f}'
            f'{cost.share:>9.2f} '
            f'({min(cost.shares):.2f} to {max(cost.shares):.2f})'
        )
    return 1 if max(cost.share for cost in costs) >= LIMIT else 0


if __name__ == '__main__':
    sys.exit(main())
