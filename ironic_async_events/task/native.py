# SPDX-License-Identifier: Apache-2.0
"""The task manager without callbacks: starts work with an event."""

from collections.abc import Callable
from typing import Any

from ironic_async_events.task import base


class AsyncEventTaskManager(base.BaseTaskManager):
    """The task manager for an Ironic that spawns with an event.

    Takes the arguments of ``ironic.conductor.task_manager.TaskManager``.
    """

    def process_event(
        self,
        event: str,
        target_state: str | None = None,
        last_error: str | None = None,
    ) -> None:
        """Process an event at once: save the state and announce it.

        Called by the thread that holds the lock: a worker, or the RPC thread
        for an event that starts no work.

        :param event: name of the event
        :param target_state: the node's new target provision state, in place
            of the state machine's
        :param last_error: the node's new ``last_error``
        :raises InvalidState: when the state machine refuses the event;
            nothing has changed then
        """
        self.stage(event, target_state, last_error)
        self.post_process_event()

    def spawn_after(
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        event: str | None = None,
        target_state: str | None = None,
        last_error: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Have a worker started when the ``with`` block ends.

        Called by the RPC thread.

        :param method: asks for the worker and returns its future, such as
            ``ConductorManager._spawn_worker``
        :param args: arguments of the method
        :param event: name of the event with which the work starts; see
            :meth:`ironic_async_events.task.base.BaseTaskManager.start`
        :param target_state: the node's new target provision state, in place
            of the state machine's
        :param last_error: the node's new ``last_error``
        :param kwargs: keyword arguments of the method
        :raises InvalidState: when the state machine refuses the event;
            nothing has changed then
        :raises TypeError: when an event is given, but not this task
        """
        if event is not None:
            self._stage_start(args, kwargs, event, target_state, last_error)
        self._spawn_with(method, args, kwargs)
