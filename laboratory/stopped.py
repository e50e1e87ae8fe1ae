# SPDX-License-Identifier: Apache-2.0
"""A task manager whose workers stop right before they save anything.

Loaded inside the service under test, as the task manager
``stopped_before_save``. The functional tests kill them there.
"""

import pathlib
import threading

from oslo_config import cfg

from ironic_async_events.task import drop_in

CONF = cfg.CONF


class StoppedTaskManager(drop_in.DropInTaskManager):
    """Works as usual until the file ``armed`` stands in the state path."""

    def post_process_event(self) -> None:
        """Say that the worker is here, and go no further; it calls this."""
        directory = pathlib.Path(CONF.state_path)
        if self._started is not None and (directory / 'armed').exists():
            (directory / f'stopped-{self.node.uuid}').touch()
            # Until the process is killed.
            threading.Event().wait()
        super().post_process_event()
