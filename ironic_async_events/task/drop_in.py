# SPDX-License-Identifier: Apache-2.0
"""The task manager for today's Ironic: understands events with callbacks."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import contextvars
import functools
import types
from typing import Any

from ironic.common import states
from oslo_log import log as logging

from ironic_async_events.task import base
from ironic_async_events.task import callbacks

LOG = logging.getLogger(__name__)

# Hooks of ironic.conductor.utils that restore the node or record the error,
# which the task manager does itself. With the type of the record of each hook;
# None where the type depends on the node's state.
REPLACED_HOOKS: dict[str, str | None] = {
    'provisioning_error_handler': None,
    'servicing_error_handler': None,
    'spawn_cleaning_error_handler': states.CONDUCTOR,
    'spawn_deploying_error_handler': states.CONDUCTOR,
    'spawn_rescue_error_handler': states.CONDUCTOR,
    'spawn_servicing_error_handler': states.CONDUCTOR,
}

# Events that are staged, although the running method processes them without a
# callback.
_staging: contextvars.ContextVar[Collection[str]] = contextvars.ContextVar(
    'staging', default=()
)


@contextlib.contextmanager
def staging(*events: str) -> Iterator[None]:
    """Stage events that Ironic processes before it asks for a worker.

    Some methods of Ironic change the state first and ask for a worker second.
    Within this context the worker of the first ``with`` block of a task saves
    the state. Used by the RPC thread.

    :param events: names of the events
    """
    token = _staging.set(events)
    try:
        yield
    finally:
        _staging.reset(token)


class DropInTaskManager(base.BaseTaskManager):
    """The task manager for an Ironic that passes callbacks with its events.

    Takes the arguments of ``ironic.conductor.task_manager.TaskManager``.
    """

    def process_event(
        self,
        event: str,
        callback: Callable[..., Any] | None = None,
        call_args: Collection[Any] | None = None,
        call_kwargs: dict[str, Any] | None = None,
        err_handler: Callable[..., Any] | None = None,
        target_state: str | None = None,
        last_error: str | None = None,
    ) -> None:
        """Process an event, in the worker when there is a callback.

        Called by the thread that holds the lock.

        :param event: name of the event
        :param callback: asks for a worker and returns its future; without
            it the event is processed at once
        :param call_args: arguments of the callback: a function for the
            worker, and its arguments with this task among them
        :param call_kwargs: keyword arguments of the callback
        :param err_handler: called with the error, the node, its state and
            its target state when there is no worker, unless the task manager
            replaces this handler
        :param target_state: the node's new target provision state, in place
            of the state machine's
        :param last_error: the node's new ``last_error``
        :raises InvalidState: when the state machine refuses the event;
            nothing has changed then
        """
        if callback is None:
            self.stage(event, target_state, last_error)
            if event not in _staging.get():
                self.post_process_event()
            return

        args = tuple(call_args or ())
        kwargs = call_kwargs or {}
        before = (self.node.provision_state, self.node.target_provision_state)
        self.stage(event, target_state, last_error, starts_work=True)
        if callbacks.find_task(*args[1:], **kwargs) is not self:
            LOG.warning(
                'The callback of event %(event)s on node %(node)s has no '
                'task among its arguments, so its worker cannot write the '
                "node's state: it is written before the worker is asked for",
                {'event': event, 'node': self.node.uuid},
            )
            self.post_process_event()
            # A partial is no replaced hook: it is called, for the state is
            # saved already.
            err_handler = err_handler and functools.partial(err_handler)
        if err_handler is not None:
            self.set_spawn_error_hook(err_handler, self.node, *before)
        self.spawn_after(callback, *args, **kwargs)

    def spawn_after(
        self, method: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> None:
        """Have a worker started when the task's ``with`` block ends.

        Called by the RPC thread. All keywords belong to the spawned function:
        Ironic passes the body of a vendor passthru request as keywords.

        :param method: asks for the worker and returns its future
        :param args: arguments of the method
        :param kwargs: keyword arguments of the method
        """
        self._spawn_with(method, args, kwargs)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: types.TracebackType | None,
    ) -> None:
        """See the base class; what a worker processes is not staged."""
        # A spawn method may run its function right here, in this thread.
        _staging.set(())
        super().__exit__(exc_type, exc_val, exc_tb)

    def _replaced_hook(self) -> str | None:
        """Return the name of the hook if it is one of the replaced ones."""
        from ironic.conductor import utils  # imports the task manager itself

        hook = self._on_error_method
        for name in REPLACED_HOOKS:
            if hook is not None and hook is getattr(utils, name, None):
                return name
        return None

    def _refusal_event_type(self) -> str:
        name = self._replaced_hook()
        event_type = REPLACED_HOOKS[name] if name else None
        return event_type or super()._refusal_event_type()

    def _refused(self, error: BaseException) -> None:
        if self._replaced_hook() is None:
            super()._refused(error)
        else:
            self._take_back(error)
