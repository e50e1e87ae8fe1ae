# SPDX-License-Identifier: Apache-2.0
"""Start the worker of an operation, or take the request back.

Two interfaces extend this class: :mod:`ironic_async_events.task.native`
without callbacks, and :mod:`ironic_async_events.task.drop_in` for today's
Ironic.
"""

from collections.abc import Callable
from concurrent import futures
import contextlib
import types
from typing import Any

from ironic.common import exception
from ironic.conductor import task_manager
from oslo_config import cfg

from ironic_async_events import conf as async_conf
from ironic_async_events.task import callbacks
from ironic_async_events.task import database
from ironic_async_events.task import handover
from ironic_async_events.task import refusal
from ironic_async_events.task import staging

CONF = cfg.CONF
# The lines that Ironic's own task manager writes stay where they were.
LOG = task_manager.LOG


class BaseTaskManager(staging.StagingTaskManager):
    """A task that starts its worker when its ``with`` block ends.

    Takes the arguments of ``ironic.conductor.task_manager.TaskManager``.
    """

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
        the RPC thread.

        :param method: asks for the worker and returns its future, such as
            ``ConductorManager._spawn_worker``
        :param args: arguments of the method: the function for the worker,
            and its arguments with this task among them
        :param event: name of the event
        :param target_state: the node's new target provision state, in place
            of the state machine's
        :param last_error: the node's new ``last_error``
        :param kwargs: keyword arguments of the method
        :raises InvalidState: when the state machine refuses the event;
            nothing has changed then
        :raises TypeError: when the arguments do not have this task
        """
        self._stage_start(args, kwargs, event, target_state, last_error)
        self._spawn_with(method, args, kwargs)

    def _stage_start(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        event: str,
        target_state: str | None,
        last_error: str | None,
    ) -> None:
        """Stage the event with which a worker starts."""
        if callbacks.find_task(*args[1:], **kwargs) is not self:
            raise TypeError(
                'what an event starts must be a callback and its arguments, '
                'this task among them'
            )
        self.stage(event, target_state, last_error, starts_work=True)

    def _spawn_with(
        self,
        method: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        # What Ironic's own spawn_after() does, but that refuses a keyword
        # with the name of its parameter.
        self._spawn_method = method
        self._spawn_args = args
        self._spawn_kwargs = kwargs

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: types.TracebackType | None,
    ) -> None:
        """Start the worker, or release the node when there is none to start.

        Called by the RPC thread.

        :raises NoFreeConductorWorker: when there is no worker
        :raises Exception: the error that kept the worker from starting
        """
        if exc_type is None and self._spawn_method is not None:
            if self._staged:
                self._start_operation()
            else:
                self._start_worker()
            return
        try:
            if exc_type is None:
                # Events were staged, but no worker was spawned.
                self.post_process_event()
        finally:
            self.release_resources()

    def _start_operation(self) -> None:
        """Start a worker that begins with the staged events; wait for it."""
        hand_over = self._hand_over = handover.HandOver()
        callback, *args = self._spawn_args
        self._spawn_args = (callbacks.PostProcessed(callback), *args)
        node_uuid = self.node.uuid
        timeout = async_conf.start_timeout(CONF)

        future = self._start_worker()

        # From here on the task is the worker's. What follows uses local
        # references only.
        if not issubclass(type(future), futures.Future):
            # A spawn method with an unknown kind of future may never run
            # anything: there is nothing to wait for.
            timeout = 0.0
        if not timeout and hand_over.accept():
            return
        if not hand_over.wait(timeout):
            LOG.warning(
                'The worker for node %(node)s has not started within '
                '%(timeout)s seconds ([async_events]start_timeout). The '
                'request is answered as accepted; the worker will start '
                'when it is its turn.',
                {'node': node_uuid, 'timeout': timeout},
            )

    def _start_worker(self) -> Any:
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
                if self._hand_over is None or self._hand_over.claim():
                    self._refused(error)
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
        hand_over = self._hand_over
        error = self._start_error(fut)
        if error is None:
            super()._thread_release_resources(fut)
            return
        try:
            self._refused(error)
        finally:
            try:
                self.release_resources()
            finally:
                if hand_over is not None:
                    hand_over.failed(error)

    def _write_exception(self, future: Any) -> None:
        """Set ``last_error``; retry while the database is away.

        See ``TaskManager._write_exception()``.
        """
        try:
            super()._write_exception(refusal.Told(future))
        except Exception as e:
            if not database.failed(e):
                raise
            # The error is on the object.
            with contextlib.suppress(exception.NodeNotFound):
                database.insist(self.node.save)

    def _start_error(self, fut: Any) -> BaseException | None:
        """Return why the worker did not start; None if it did."""
        hand_over = self._hand_over
        if hand_over is None:
            # "is True", for the futures of tests that are mocks.
            if fut.cancelled() is not True:
                return None
        elif hand_over.is_saved:
            return None
        elif not hand_over.claim():
            return refusal.cause_of(fut)
        # The worker never ran; the caller may retry.
        return refusal.answer_to(refusal.cause_of(fut))

    # Requests that could not start

    def _refused(self, error: BaseException) -> None:
        """Clean up after a request that could not start.

        :param error: what the caller of the request gets
        """
        if self._hand_over is not None:
            self._take_back(error)
        self._call_spawn_error_hook(error)

    def _take_back(self, error: BaseException) -> None:
        """Restore the node, and record the reason."""
        refusal.take_back(
            self.node, self._snapshot, error, self._refusal_event_type()
        )

    def _refusal_event_type(self) -> str:
        """Return the type of the history record of a refused request."""
        return refusal.event_type(self.node)

    def _call_spawn_error_hook(self, error: BaseException) -> None:
        """Call the hook of ``set_spawn_error_hook()``; survive it."""
        hook = self._on_error_method
        if hook is None:
            return
        try:
            hook(error, *self._on_error_args, **self._on_error_kwargs)
        except Exception:
            LOG.exception(
                "Task's on_error hook failed to call %(method)s on node "
                '%(node)s',
                {
                    'method': getattr(hook, '__name__', hook),
                    'node': self.node.uuid,
                },
            )
