# SPDX-License-Identifier: Apache-2.0
"""What an operation costs that is nothing but a lock, a worker and two states.

No request, no driver, and nothing announced: what stock does not announce,
it does not pay for either. So this is the task manager alone, with Ironic's
own code for the database and one worker, in a process that does nothing else.
"""

from collections.abc import Callable
import concurrent.futures
import time
from typing import Any

from laboratory import inside
from laboratory.bench import databases
from laboratory.bench import forms

Figures = dict[str, Any]

steps = databases.steps


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Do such operations in each database.

    :param form: how much.
    :param progress: called after each database.
    :returns: backend -> rounds, each of them side -> figures.
    :raises LaboratoryError: when something does not go as it should.
    """
    return databases.measure(_rounds, progress, form.rounds, form.spawns)


def _rounds(url: str, rounds: int, spawns: int) -> list[Figures]:
    """Do rounds of operations, one of stock's and one of the plugin's.

    :param url: the database, with Ironic's tables.
    :param rounds: how many.
    :param spawns: operations of each side in each round.
    """
    context = inside.configure(url)
    from ironic import objects
    from ironic.conductor import task_manager

    from ironic_async_events.task import drop_in

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

        both = {
            'stock': task_manager.TaskManager,
            'plugin': drop_in.DropInTaskManager,
        }

        def round_() -> Figures:
            used = dict.fromkeys(both, 0.0)
            # In turns, for the speed of the machine drifts; each of them first
            # as often as the other, for garbage is collected in a rhythm.
            for number in range(spawns):
                turn = list(both.items())[:: -1 if number % 2 else 1]
                for name, cls in turn:
                    began = time.process_time()
                    operate(cls)
                    used[name] += time.process_time() - began
            return {
                name: {'cpu': total / spawns} for name, total in used.items()
            }

        for cls in both.values():
            operate(cls)  # compiles the statements
        return [round_() for _ in range(rounds)]
