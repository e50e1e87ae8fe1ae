# SPDX-License-Identifier: Apache-2.0
"""The task manager for today's Ironic: understands events with callbacks."""

from collections.abc import Callable
from collections.abc import Collection
import contextvars
import functools
from typing import Any

from ironic.common import states
from oslo_log import log as logging

from ironic_async_events.task import manager

LOG = logging.getLogger(__name__)

# Hooks of ironic.conductor.utils that restore the node or record the error:
# take_back() does so. With the type of the record in the node's history; empty
# where it depends on the node's state.
REPLACED_HOOKS = {
    'provisioning_error_handler': '',
    'servicing_error_handler': '',
    'spawn_cleaning_error_handler': states.CONDUCTOR,
    'spawn_deploying_error_handler': states.CONDUCTOR,
    'spawn_rescue_error_handler': states.CONDUCTOR,
    'spawn_servicing_error_handler': states.CONDUCTOR,
}

# Methods of Ironic that change the state first and ask for a worker second,
# with the event of that change.
EARLY_EVENTS = {
    'continue_node_clean': 'resume',
    'continue_node_deploy': 'resume',
    'continue_node_service': 'resume',
    '_do_abort': 'fail',
}

# The event that the running method leaves to its worker.
_early_event: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    'early_event', default=None
)


def late(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have the worker save the state that a method changes early.

    :param method: one of ``EARLY_EVENTS``; called by the RPC thread
    """
    event = EARLY_EVENTS[method.__name__]

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        token = _early_event.set(event)
        try:
            return method(*args, **kwargs)
        finally:
            _early_event.reset(token)

    return wrapper


class DropInTaskManager(manager.AsyncTaskManager):
    """The task manager for an Ironic that passes callbacks with its events."""

    def process_event(  # type: ignore[override]
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

        Called by the thread that holds the lock. Parameters as in Ironic.
        """
        if callback is None:
            self._advance(event, target_state, last_error)
            # The worker of this task's with block saves an early event.
            if event != _early_event.get():
                self.post_process_event()
            return

        args = tuple(call_args or ())
        kwargs = call_kwargs or {}
        before = self.node.provision_state, self.node.target_provision_state
        self._advance(event, target_state, last_error, starts_work=True)
        set_hook = self.set_spawn_error_hook
        if not self._has_callback(args, kwargs):
            LOG.warning(
                'The arguments for the callback of event %s on node %s are '
                'not a function and its task, so no worker can write the '
                "node's state: it is written before the worker is asked for",
                *(event, self.node.uuid),
            )
            self.post_process_event()
            # A saved state is not taken back, so Ironic's hook is called.
            set_hook = super().set_spawn_error_hook
        if err_handler is not None:
            set_hook(err_handler, self.node, *before)
        self._spawn_with(callback, args, kwargs)

    def spawn_after(
        self, method: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> None:
        """Have a worker started when the task's ``with`` block ends.

        All keywords belong to the spawned function: Ironic passes the body of
        a vendor passthru request as keywords.
        """
        self._spawn_with(method, args, kwargs)

    def set_spawn_error_hook(
        self, hook: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> None:
        """Set the hook that is called when there is no worker.

        A hook that the task manager replaces is not called: the request is
        taken back. Parameters as in Ironic.
        """
        from ironic.conductor import utils  # imports the task manager itself

        # The hook that is set last counts.
        self._on_error_method = None
        self._replaces_hook, self._record_type = False, ''
        for name, record_type in REPLACED_HOOKS.items():
            if hook is getattr(utils, name, None):
                self._replaces_hook, self._record_type = True, record_type
                return
        super().set_spawn_error_hook(hook, *args, **kwargs)

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        # A spawn method may run its function right here, in this thread: in a
        # worker no event is left to a worker.
        _early_event.set(None)
        super().__exit__(exc_type, exc_val, exc_tb)
