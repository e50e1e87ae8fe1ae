# SPDX-License-Identifier: Apache-2.0
"""The task manager alone, with a database and no more.

No request, no driver, and nothing announced: what stock does not announce,
it does not pay for either. It runs inside a process that does nothing else.
"""

from collections.abc import Callable
from collections.abc import Mapping
import concurrent.futures
import multiprocessing
import statistics
import time
from typing import Any

from laboratory import deployment
from laboratory.bench import sides

_STEPS = [
    {'interface': 'deploy', 'step': f'step {number}', 'args': {}}
    for number in range(12)
]
# About as much as the node of a real deployment has.
_NODE: Mapping[str, Any] = {
    'driver': 'fake-hardware',
    'provision_state': 'active',
    'driver_info': {f'redfish_{number}': 'v' * 30 for number in range(6)},
    'properties': {'cpus': '64', 'memory_mb': '524288', 'local_gb': '960'},
    'driver_internal_info': {
        'agent_secret_token': 'x' * 43,
        'agent_cached_deploy_steps': {'deploy': _STEPS},
        'clean_steps': _STEPS,
        'deploy_steps': _STEPS,
    },
}
_INSTANCE = {'image_source': 'debian.qcow2', 'image_checksum': 'd' * 64}
# Name -> instance_info.
_NODES: Mapping[str, Mapping[str, str]] = {
    'deployed node': _INSTANCE,
    '64 KiB configdrive': {**_INSTANCE, 'configdrive': 'H4sI' * (16 * 1024)},
}


def measure_locks(form: sides.Form) -> dict[str, Any]:
    """Measure what the snapshot adds to taking an exclusive lock."""
    return _in_each(form, locks, form.rounds, form.locks)


def measure_spawns(form: sides.Form) -> dict[str, Any]:
    """Measure operations that are a lock, a worker and two states."""
    return _in_each(form, spawns, form.rounds, form.spawns)


def _in_each(
    form: sides.Form, function: Callable[..., Any], *args: Any
) -> dict[str, Any]:
    """Call a function with each database, in a process of its own."""
    measured = {}
    for backend in form.clients:
        with deployment.servers(backend.database, False) as shared:
            ironic = sides.configured(shared, sides.STOCK)
            ironic.create_schema()
            with concurrent.futures.ProcessPoolExecutor(
                1, multiprocessing.get_context('spawn')
            ) as executor:
                future = executor.submit(function, ironic.database, *args)
                measured[backend.name] = future.result()
    return measured


def _configure(url: str) -> Any:
    """Configure Ironic in this process for one database; nothing announced.

    Nothing of Ironic is imported for those who only want a name of ours.
    """
    from ironic import objects
    from ironic.common import context
    from ironic.conf import CONF
    from ironic.db import api  # noqa: F401  # registers its options

    from ironic_async_events import conf as async_conf

    CONF([], project='ironic')
    async_conf.register(CONF)
    CONF.set_override('host', 'laboratory')
    CONF.set_override('connection', url, 'database')
    objects.register_all()
    return context.get_admin_context()


def locks(url: str, rounds: int, number: int) -> list[dict[str, Any]]:
    """Lock nodes in a database that has Ironic's tables.

    The time of a lock is that of Ironic's ``TaskManager._lock()`` alone:
    what a request does before and after is not in it.

    :returns: for each node its name, the median of the snapshot in seconds,
        and for each round the percentage of the lock's time that it is.
    """
    context = _configure(url)
    from ironic import objects
    from ironic.conductor import task_manager

    from ironic_async_events.task import manager
    from ironic_async_events.task import refusal

    clock = time.perf_counter
    took: list[tuple[float, float]] = []

    class Timed(manager.AsyncTaskManager):
        """Does what its base does, and looks at the clock in between."""

        def _lock(self) -> None:
            began = clock()
            task_manager.TaskManager._lock(self)
            locked = clock()
            self._snapshot = refusal.Snapshot(self.node)
            took.append((locked - began, clock() - locked))

    def round_(uuid: str) -> tuple[float, float]:
        took.clear()
        for _ in range(number):
            Timed(context, uuid, load_driver=False).release_resources()
        lock, snap = map(statistics.median, zip(*took, strict=True))
        return lock, snap

    measured = []
    for name, instance in _NODES.items():
        node = objects.Node(context, **_NODE, instance_info=instance)
        node.create()
        round_(node.uuid)  # compiles the statements
        medians = [round_(node.uuid) for _ in range(rounds)]
        measured.append(
            {
                'node': name,
                'snapshot': statistics.median(snap for _, snap in medians),
                'shares': [100 * snap / lock for lock, snap in medians],
            }
        )
    return measured


def spawns(url: str, rounds: int, number: int) -> list[dict[str, Any]]:
    """Do rounds of operations, of stock's and of the plugin's in turns."""
    context = _configure(url)
    from ironic import objects
    from ironic.conductor import task_manager

    from ironic_async_events.task import drop_in

    node = objects.Node(
        context, driver='fake-hardware', provision_state='manageable'
    )
    node.create()
    both = {
        'stock': task_manager.TaskManager,
        'plugin': drop_in.DropInTaskManager,
    }

    def end(task: Any) -> None:
        task.process_event('done')

    with concurrent.futures.ThreadPoolExecutor(1) as workers:

        def operate(name: str) -> float:
            began = time.process_time()
            with both[name](context, node.uuid, load_driver=False) as task:
                task.process_event(
                    'inspect', callback=workers.submit, call_args=(end, task)
                )
            # The worker has unlocked the node when it can do this.
            workers.submit(int).result()
            return time.process_time() - began

        def round_() -> dict[str, Any]:
            used: dict[str, list[float]] = {name: [] for name in both}
            # In turns, for the speed of the machine drifts; each of them first
            # as often as the other, for garbage is collected in a rhythm.
            for turn in range(number):
                for name in sorted(both, reverse=turn % 2 == 0):
                    used[name].append(operate(name))
            return {
                name: {'cpu': statistics.fmean(each)}
                for name, each in used.items()
            }

        for name in both:
            operate(name)  # compiles the statements
        return [round_() for _ in range(rounds)]
