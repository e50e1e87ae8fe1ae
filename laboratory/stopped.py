# SPDX-License-Identifier: Apache-2.0
"""A task manager whose workers stop right before they save anything.

Loaded inside the service under test, as the task manager
``stopped_before_save``. See :mod:`.kill` for what it is good for.
"""

import pathlib
import threading

from oslo_config import cfg

from ironic_async_events.task import drop_in

CONF = cfg.CONF


class StoppedTaskManager(drop_in.DropInTaskManager):
    """Works as usual until the file ``armed`` stands in the state path.

    Takes the arguments of ``ironic.conductor.task_manager.TaskManager``.
    """

    def post_process_event(self) -> None:
        """Say that the worker is here, and go no further.

        Called by the worker.
        """
        directory = pathlib.Path(CONF.state_path)
        if self._started is not None and (directory / 'armed').exists():
            (directory / f'stopped-{self.node.uuid}').touch()
            # Until the process is killed.
            threading.Event().wait()
        super().post_process_event()
