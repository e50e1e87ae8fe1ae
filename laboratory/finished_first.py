# SPDX-License-Identifier: Apache-2.0
"""Run ``ironic`` so that each worker ends before its request goes on.

Nothing in Ironic forbids this order, and a busy machine takes it now and
then. Stock Ironic then never announces the start: see
``TaskManager.__exit__``.
"""

import concurrent.futures
import sys
from typing import Any

from ironic.command import singleprocess
import wrapt

_SECONDS = 60.0


def _finish_first(base_manager: Any) -> None:
    from ironic.conductor import task_manager

    manager = base_manager.BaseConductorManager
    spawn = manager._spawn_worker

    def spawn_worker(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        future = spawn(self, func, *args, **kwargs)
        # The workers without a task are those that never end.
        if any(isinstance(one, task_manager.TaskManager) for one in args):
            concurrent.futures.wait([future], _SECONDS)
        return future

    manager._spawn_worker = spawn_worker


if __name__ == '__main__':
    # Its import reads options that are not parsed yet.
    wrapt.register_post_import_hook(
        _finish_first, 'ironic.conductor.base_manager'
    )
    sys.exit(singleprocess.main())
