# SPDX-License-Identifier: Apache-2.0
"""Save a provision state only when a worker really runs.

An event of a request *advances* the state machine; node and database stay as
they are. The worker *post-processes* the event before its main function: it
saves the state and sends the notification. So no state has to be rolled back
when there is no worker; :mod:`ironic_async_events.task.refusal` restores other
fields, which Ironic saves before it asks for a worker.

Loading this module needs ``ironic.conductor.task_manager``.
"""

from collections.abc import Callable
from concurrent import futures
import contextlib
import copy
import threading
import types
from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.conductor import task_manager
from oslo_config import cfg
import wrapt

from ironic_async_events import conf as async_conf
from ironic_async_events import redaction
from ironic_async_events.task import change
from ironic_async_events.task import database
from ironic_async_events.task import delivery
from ironic_async_events.task import refusal

CONF = cfg.CONF
# The lines that Ironic's own task manager writes stay where they were.
LOG = task_manager.LOG


class AsyncTaskManager(task_manager.TaskManager):
    """A task whose worker saves and announces the states of its node.

    :meth:`start` is for a conductor that knows it; Ironic's own calls reach
    the subclass in :mod:`ironic_async_events.task.drop_in`.
    """

    fsm: Any
    node: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Advanced, but not saved yet.
        self._transitions: list[change.Transition] = []
        self._snapshot: refusal.Snapshot | None = None
        # The hand-over to the worker of an event: running when the worker has
        # claimed the task, done when the state is saved or taken back.
        self._started: futures.Future[None] | None = None
        # Taken by the thread that decides how the request is answered.
        self._answer = threading.Lock()
        # Whether this task does the work of the spawn error hook, and the type
        # of its record in the node's history; empty: take_back() chooses.
        self._replaces_hook = False
        self._record_type = ''
        super().__init__(*args, **kwargs)

    def _lock(self) -> None:
        """Lock the node and remember what it is; see ``TaskManager``."""
        super()._lock()
        self._snapshot = refusal.Snapshot(self.node)

    # Events

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
        self._advance(event, target_state, last_error)
        self.post_process_event()

    def spawn_after(
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        event: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Call :meth:`start` if there is an event; else as in Ironic."""
        if event is not None:
            self.start(method, *args, event=event, **kwargs)
        else:
            self._spawn_with(method, args, kwargs)

    def start(
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        event: str,
        target_state: str | None = None,
        last_error: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Start an operation with an event, when the ``with`` block ends.

        The state machine advances now, the worker saves the state. Called by
        the RPC thread. Event, and when it is refused: see
        :meth:`process_event`.

        :param method: asks for the worker and returns its future, such as
            ``ConductorManager._spawn_worker``
        :param args: arguments of the method: the function for the worker,
            and its arguments
        :param kwargs: keyword arguments of the method
        :raises TypeError: when the arguments do not have this task
        """
        if not self._has_callback(args, kwargs):
            raise TypeError(
                'what an event starts must be a callback and its arguments, '
                'this task among them'
            )
        self._advance(event, target_state, last_error, starts_work=True)
        self._spawn_with(method, args, kwargs)

    def _has_callback(self, args: Any, kwargs: dict[str, Any]) -> bool:
        """Tell whether there is a first argument, and the task after it."""
        rest = (*args[1:], *kwargs.values())
        return bool(args) and any(arg is self for arg in rest)

    def _spawn_with(
        self, method: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> None:
        # Not Ironic's spawn_after(): it refuses a keyword with the name of
        # its parameter.
        self._spawn_method = method
        self._spawn_args = args
        self._spawn_kwargs = kwargs

    def _advance(
        self,
        event: str,
        target_state: str | None,
        last_error: str | None,
        *,
        starts_work: bool = False,
    ) -> None:
        """Advance the state machine; leave node and database alone."""
        # On a copy, because the machine advances before it checks the target
        # state. Copies share the tables; only the position differs.
        fsm = copy.copy(self.fsm)
        fsm.process_event(event, target_state=target_state)
        before = self.node.provision_state, self.node.target_provision_state
        if self._transitions:
            before = self._transitions[-1].state, self._transitions[-1].target
        # A node at rest has no target, unless it is there to start work.
        at_rest = not starts_work and fsm.is_stable(fsm.current_state)
        self._transitions.append(
            change.Transition(
                event=event,
                previous_state=before[0],
                previous_target=before[1],
                state=fsm.current_state,
                target=states.NOSTATE if at_rest else fsm.target_state,
                last_error=last_error,
                clears_error=starts_work,
            )
        )
        self.fsm = fsm

    def post_process_event(self) -> None:
        """Save and announce the events that were advanced, in their order.

        Called by the worker before its main function, or by the thread that
        processes an event. When it raises, the events that were not saved
        are dropped.
        """
        starting = self._started is not None and self._started.running()
        while self._transitions:
            last = starting and len(self._transitions) == 1
            started = self._started if last else None
            action = None
            try:
                action = change.StateChange(
                    self, self._transitions[0], started
                )
                self._process(action, starting)
            except Exception as e:
                if action is not None:
                    action.undo()
                # Ironic's setter puts the state machine back, to the node's.
                self.node = self.node
                self._transitions.clear()
                error = redaction.redacted(e)
                if error is e:
                    raise
                raise error from e
            self._transitions.pop(0)
            if last:
                self._snapshot = None
            elif self._snapshot is not None:
                # An announced transition is never taken back.
                self._snapshot = refusal.Snapshot(self.node)

    def _process(self, action: change.StateChange, starting: bool) -> None:
        """Save and announce one transition.

        When the database fails, the request is refused with this error. When
        the request was accepted before, the worker saves the state as soon as
        the database is back.
        """
        process = delivery.current()
        try:
            process(action)
        except Exception as e:
            if not database.failed(e) or self._may_refuse(starting):
                raise
            database.retry_until_answered(process, action)

    def _may_refuse(self, starting: bool) -> bool:
        """Decide that an error is the answer, if the caller still waits."""
        if starting:
            return self._answer.acquire(blocking=False)
        return self._spawn_method is None  # no worker: raised as on stock

    # The end of the with block

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        """Start the worker, or release the node when there is none to start.

        :raises NoFreeConductorWorker: when there is no worker
        :raises Exception: the error that kept the worker from starting
        """
        if exc_type is None and self._spawn_method is not None:
            self._spawn()
            return
        try:
            if exc_type is None and self._transitions:
                # Events were advanced, but no worker was spawned.
                self.post_process_event()
        finally:
            self.release_resources()

    def _spawn(self) -> None:
        """Start the worker; wait until it has saved the state of its event."""
        started = None
        answer = self._answer
        if self._transitions:
            started = self._started = futures.Future()
            func, *args = self._spawn_args
            self._spawn_args = (self._in_worker(func, started), *args)
        node_uuid = self.node.uuid
        timeout = async_conf.reloaded(CONF, 'start_timeout')

        future = self._ask_for_worker()

        # From here on the task is the worker's. What follows uses local
        # references only.
        if started is None:
            return
        if not isinstance(future, futures.Future):
            # A spawn method with an unknown kind of future may never run
            # anything: there is nothing to wait for.
            timeout = 0.0
        try:
            started.result(timeout)
        except TimeoutError:
            if started.done() or not answer.acquire(blocking=False):
                # The state is saved, the TimeoutError is the worker's own, or
                # the worker is refusing and ends this wait.
                started.result()
            elif timeout:
                LOG.warning(
                    'The worker for node %(node)s has not started within '
                    '%(timeout)s seconds ([async_events]start_timeout). The '
                    'request is answered as accepted; the worker will start '
                    'when it is its turn.',
                    {'node': node_uuid, 'timeout': timeout},
                )

    def _in_worker(
        self, func: Callable[..., Any], started: futures.Future[None]
    ) -> Callable[..., Any]:
        """Wrap a callback: the worker saves the state before it runs.

        The wrapper is transparent: Ironic logs the name of the callback.
        """

        def wrapper(func: Any, instance: Any, args: Any, kwargs: Any) -> Any:
            if not started.set_running_or_notify_cancel():
                raise RuntimeError(
                    'the request was taken back before its worker started'
                )
            # The thread may still have the context of its last request, but
            # the log lines need the id of this request.
            self.context.update_store()
            self.post_process_event()
            with database.operation():
                return func(*args, **kwargs)

        return wrapt.FunctionWrapper(func, wrapper)

    def _ask_for_worker(self) -> Any:
        """Call the spawn method; clean up when it cannot start a worker."""
        future = None
        try:
            future = self._spawn_method(
                *self._spawn_args, **self._spawn_kwargs
            )
            # Don't unlock! The worker's end does.
            future.add_done_callback(self._thread_release_resources)
            return future
        except Exception as e:
            error = refusal.answer_to_spawn(e)
            try:
                if future is not None:
                    future.cancel()
                if self._started is None or self._started.cancel():
                    self._failed(error)
            finally:
                self.release_resources()
            if error is e:
                raise
            raise error from e

    def _thread_release_resources(self, fut: Any) -> None:
        """Release the node when the worker has ended.

        Called by the thread that ends the future: the worker, or the thread
        that cancels the future. When the worker has not saved the state, the
        request is taken back first.
        """
        started = self._started
        error = self._start_error(fut)
        if error is None:
            super()._thread_release_resources(fut)
            return
        try:
            self._failed(error)
        finally:
            try:
                self.release_resources()
            finally:
                if started is not None:
                    started.set_exception(error)

    def _start_error(self, fut: Any) -> BaseException | None:
        """Return why the worker did not start; None if it did."""
        started = self._started
        if started is not None and started.done():
            return None
        try:
            error = fut.exception()
        except futures.CancelledError as e:
            return refusal.answer_to(e)
        if started is None:
            return None
        if started.running() and error is not None:
            return error  # saving the state has failed
        # It has ended without a claim, or without saving the state.
        return refusal.answer_to(error or futures.CancelledError())

    def _failed(self, error: BaseException) -> None:
        """Take a request back that could not start; call the hook.

        :param error: what the caller of the request gets
        """
        if self._started is not None or self._replaces_hook:
            refusal.take_back(
                self.node, self._snapshot, error, self._record_type
            )
        hook = self._on_error_method
        if hook is None:
            return
        try:
            hook(error, *self._on_error_args, **self._on_error_kwargs)
        except Exception:
            LOG.exception(
                "Task's on_error hook failed to call %s on node %s",
                getattr(hook, '__name__', hook),
                self.node.uuid,
            )

    def _write_exception(self, future: Any) -> None:
        """Set ``last_error``, also when the database is away for a while."""
        try:
            super()._write_exception(
                types.SimpleNamespace(
                    exception=lambda: redaction.redacted(future.exception())
                )
            )
        except Exception as e:
            if not database.failed(e):
                raise
            # Ironic's method has set it on the object, and failed to save it.
            with contextlib.suppress(exception.NodeNotFound):
                database.retry_until_answered(self.node.save)
