# SPDX-License-Identifier: Apache-2.0
"""What an operation costs that is nothing but a lock, a worker and two states.

No request, no driver, and nothing announced: what stock does not announce,
it does not pay for either. So this is the task manager alone, with Ironic's
own code for the database and its own pool of workers, in one process that
does nothing else.
"""

from collections.abc import Callable
import concurrent.futures
import dataclasses
import multiprocessing
import time
from typing import Any

from ironic_async_events.tests.bench import forms
from ironic_async_events.tests.bench import sides

Figures = dict[str, Any]


def steps(form: forms.Form) -> int:
    """Return how many databases it will use."""
    return len(forms.BACKENDS)


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Do such operations in each database.

    :param form: how much.
    :param progress: called after each database.
    :returns: backend -> rounds, each of them side -> figures.
    :raises LaboratoryError: when something does not go as it should.
    """
    found: Figures = {}
    for backend in forms.BACKENDS:
        without_broker = dataclasses.replace(backend, rabbitmq=False)
        with sides.servers(without_broker) as shared:
            ironic = shared.configured(sides.STOCK)
            ironic.create_schema()
            # Ironic can be configured once in a process.
            with concurrent.futures.ProcessPoolExecutor(
                1, multiprocessing.get_context('spawn')
            ) as executor:
                found[backend.name] = executor.submit(
                    _rounds, ironic.database, form.rounds, form.spawns
                ).result()
        progress()
    return found


def _rounds(url: str, rounds: int, spawns: int) -> list[Figures]:
    """Do rounds of operations, stock's and the plugin's in turns.

    Configures Ironic in this process: it can do so for one database only.

    :param url: the database, with Ironic's tables.
    :param rounds: how many.
    :param spawns: operations of each side in each round.
    """
    from ironic import objects
    from ironic.common import context as ironic_context
    from ironic.conductor import task_manager
    from oslo_config import cfg

    from ironic_async_events import conf as async_conf
    from ironic_async_events import legacy

    cfg.CONF([], project='ironic')
    async_conf.register(cfg.CONF)
    cfg.CONF.set_override('host', 'laboratory')
    cfg.CONF.set_override('connection', url, 'database')
    objects.register_all()
    context = ironic_context.get_admin_context()
    node = objects.Node(
        context, driver='fake-hardware', provision_state='manageable'
    )
    node.create()

    def end(task: Any) -> None:
        task.process_event('done')

    with concurrent.futures.ThreadPoolExecutor(1) as workers:

        def spawn(*args: Any) -> concurrent.futures.Future[None]:
            return workers.submit(*args)

        def operate(cls: Any) -> None:
            with cls(context, node.uuid, load_driver=False) as task:
                task.process_event(
                    'inspect', callback=spawn, call_args=(end, task)
                )
            # The worker has unlocked the node when it can do this.
            workers.submit(int).result()

        def cost(cls: Any) -> Figures:
            began, cpu = time.perf_counter(), time.process_time()
            for _ in range(spawns):
                operate(cls)
            return {
                'seconds': (time.perf_counter() - began) / spawns,
                'cpu': (time.process_time() - cpu) / spawns,
            }

        both = {
            'stock': task_manager.TaskManager,
            'plugin': legacy.DropInTaskManager,
        }
        for cls in both.values():
            operate(cls)  # compiles the statements
        return [
            {name: cost(cls) for name, cls in both.items()}
            for _ in range(rounds)
        ]
