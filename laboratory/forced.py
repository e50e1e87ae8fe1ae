# SPDX-License-Identifier: Apache-2.0
"""Run ``ironic`` so that it is not left to chance what its workers do.

Each worker ends before its request goes on. Nothing in Ironic forbids this
order, and a busy machine takes it now and then. Stock Ironic then never
announces the start: see ``TaskManager.__exit__``. From the moment when the
file ``full`` stands in the state path, there is no worker at all; while
``full-UUID`` stands there, there is none for the functions on a node that it
names, and each refusal is a line of ``refused``.
"""

import concurrent.futures
import pathlib
import sys
from typing import Any

from ironic.command import singleprocess
import wrapt

_SECONDS = 60.0


def _force(base_manager: Any) -> None:
    from ironic.common import exception
    from ironic.conductor import task_manager
    from ironic.conf import CONF

    manager = base_manager.BaseConductorManager
    spawn = manager._spawn_worker

    def spawn_worker(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        # The workers without a task are those that never end.
        kind = task_manager.TaskManager
        if not any(isinstance(one, kind) for one in args):
            return spawn(self, func, *args, **kwargs)
        home = pathlib.Path(CONF.state_path)
        task = next(x for x in args if isinstance(x, kind))
        full = home / f'full-{task.node.uuid}'
        name = getattr(func, '__name__', '')
        if full.exists() and name in full.read_text().split():
            with (home / 'refused').open('a') as refused:
                refused.write(f'{task.node.uuid} {name}\n')
            raise exception.NoFreeConductorWorker()
        if (home / 'full').exists():
            raise exception.NoFreeConductorWorker()
        future = spawn(self, func, *args, **kwargs)
        concurrent.futures.wait([future], _SECONDS)
        return future

    manager._spawn_worker = spawn_worker


if __name__ == '__main__':
    # Its import reads options that are not parsed yet.
    wrapt.register_post_import_hook(_force, 'ironic.conductor.base_manager')
    sys.exit(singleprocess.main())
