# SPDX-License-Identifier: Apache-2.0
"""The task manager whose workers write the state of their nodes.

Loading this module needs ``ironic.conductor.task_manager``; it is loaded by
name (:mod:`ironic_async_events.patching`) after Ironic has imported that.
"""

from collections.abc import Callable
from concurrent import futures
import copy
import types
from typing import Any

from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import task_manager
from oslo_config import cfg
import tenacity

from ironic_async_events import conf as async_conf
from ironic_async_events.repairs import locks as reservation
from ironic_async_events.task import callbacks
from ironic_async_events.task import database
from ironic_async_events.task import delivery
from ironic_async_events.task import handover
from ironic_async_events.task import refusal
from ironic_async_events.task import snapshot
from ironic_async_events.task import step
from ironic_async_events.task import transition as tr

CONF = cfg.CONF
# The lines that Ironic's own task manager writes stay where they were.
LOG = task_manager.LOG


class AsyncEventTaskManager(task_manager.TaskManager):
    """A task whose events are post-processed by the thread that does the work.

    An event is *staged* first: the state machine advances, a
    :class:`~ironic_async_events.task.transition.Transition` remembers how, and
    neither the node nor the database has changed. It is *post-processed*
    later: the node is saved and the notification sent. For an event that
    starts work the first happens in the thread that accepts the request, the
    second in the worker.

    Takes the arguments of ``ironic.conductor.task_manager.TaskManager``.
    """

    fsm: Any
    node: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._staged: list[tr.Transition] = []
        self._snapshot: snapshot.Snapshot | None = None
        self._hand_over: handover.HandOver | None = None
        super().__init__(*args, **kwargs)

    # The lock

    def _lock(self) -> None:
        """Lock the node; see ``TaskManager._lock()``.

        Written anew, because each of its attempts counts: the process has to
        know who asks for a lock at the moment when it is given.
        """
        self._debug_timer.restart()
        conf = CONF.conductor
        limit = conf.node_locked_retry_attempts if self._retry else 1
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(exception.NodeLocked),
            stop=(
                tenacity.stop_never
                if self._patient
                else tenacity.stop_after_attempt(limit)
            ),
            wait=tenacity.wait_fixed(conf.node_locked_retry_interval),
            reraise=True,
        )(self._reserve)
        self._snapshot = snapshot.Snapshot(self.node)

    def _reserve(self) -> None:
        """Ask for the lock once, with the log lines of Ironic."""
        conf = CONF.conductor
        seconds = self._debug_timer.elapsed()
        if seconds > (
            conf.node_locked_retry_interval * conf.node_locked_retry_attempts
        ):
            LOG.warning(
                'We have exceeded the normal maximum time window '
                'to complete a node lock attempting to reserve '
                'node %(node)s for purpose %(purpose)s. At '
                '%(time).2f seconds.',
                {
                    'node': self.node_id,
                    'purpose': self._purpose,
                    'time': seconds,
                },
            )
        self.node = reservation.RESERVATIONS.ask(
            self,
            lambda: objects.Node.reserve(
                self.context, CONF.host, self.node_id
            ),
        )
        LOG.debug(
            'Node %(node)s successfully reserved for %(purpose)s '
            '(took %(time).2f seconds)',
            {
                'node': self.node.uuid,
                'purpose': self._purpose,
                'time': self._debug_timer.elapsed(),
            },
        )
        self._debug_timer.restart()

    def downgrade_lock(self) -> None:
        """Make the lock a shared one; see ``TaskManager.downgrade_lock()``."""
        if self._is_locked:
            reservation.RESERVATIONS.give_back(self, super().downgrade_lock)
        else:
            super().downgrade_lock()

    def release_resources(self) -> None:
        """Unlock the node; see ``TaskManager.release_resources()``.

        :raises DBError: when the database stays away
        """
        if self._is_locked:
            reservation.RESERVATIONS.release(self, super().release_resources)
        else:
            super().release_resources()

    @property
    def _is_locked(self) -> bool:
        return self.node is not None and not self.shared

    # Staging

    def process_event(
        self,
        event: str,
        target_state: str | None = None,
        last_error: str | None = None,
    ) -> None:
        """Process an event for the node's state and announce the result.

        Called by whoever holds the lock: a worker, or the RPC thread for an
        event that needs none.

        :param event: name of the event
        :param target_state: the node's new target provision state, in place
            of the state machine's
        :param last_error: the node's new ``last_error``
        :raises InvalidState: when the state machine refuses the event;
            nothing has changed then
        """
        self._stage(event, target_state, last_error, starts_work=False)
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
        """Have a worker started when the task's ``with`` block ends.

        Called by the RPC thread.

        :param method: asks for the worker and returns its future, such as
            ``ConductorManager._spawn_worker``
        :param args: arguments of the method; with an event the first is the
            callback, and the task is among the callback's arguments
        :param event: name of the event with which the work starts: the state
            machine advances now, the worker saves the state
        :param target_state: the node's new target provision state, in place
            of the state machine's
        :param last_error: the node's new ``last_error``
        :param kwargs: keyword arguments of the method
        :raises InvalidState: when the state machine refuses the event;
            nothing has changed then
        :raises TypeError: when an event is given, but not with a callback
            that has this task among its arguments
        """
        if event is not None:
            if callbacks.find_task(*args[1:], **kwargs) is not self:
                raise TypeError(
                    'the arguments of spawn_after(event=...) must be a '
                    'callback and its arguments, this task among them'
                )
            self._stage(event, target_state, last_error, starts_work=True)
        self._spawn_with(method, args, kwargs)

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

    def _stage(
        self,
        event: str,
        target_state: str | None,
        last_error: str | None,
        *,
        starts_work: bool,
    ) -> None:
        """Advance the state machine and remember the step."""
        # A copy takes the step, because the machine moves before it looks at
        # the target state. The tables of the copies are the same: only the
        # position differs.
        fsm = copy.copy(self.fsm)
        fsm.process_event(event, target_state=target_state)

        if self._staged:
            previous_state = self._staged[-1].state
            previous_target = self._staged[-1].target
        else:
            previous_state = self.node.provision_state
            previous_target = self.node.target_provision_state
        # A node at rest has no target, unless it is there to start work.
        at_rest = not starts_work and fsm.is_stable(fsm.current_state)
        self._staged.append(
            tr.Transition(
                event=event,
                previous_state=previous_state,
                previous_target=previous_target,
                state=fsm.current_state,
                target=states.NOSTATE if at_rest else fsm.target_state,
                last_error=last_error,
                clears_error=starts_work,
            )
        )
        self.fsm = fsm

    # Post-processing

    def post_process_event(self) -> None:
        """Save and announce the staged events, in their order.

        Called by the worker, before its main function.

        :raises RuntimeError: when the request has been taken back in the
            meantime; the worker must not do its work then
        :raises Exception: what saving the node raised; the events that were
            not saved are dropped
        """
        hand_over = self._hand_over
        starting = hand_over is not None and not hand_over.is_saved
        if hand_over is not None and starting:
            if not hand_over.claim():
                raise RuntimeError(
                    'the request was taken back before its worker started'
                )
            # The thread may still have the context of its last request; the
            # log lines have to carry the id of this one.
            self.context.update_store()
        while self._staged:
            transition = self._staged[0]
            last = starting and len(self._staged) == 1
            action = step.Step(self, transition, hand_over if last else None)
            try:
                self._process(action, hand_over if starting else None)
            except Exception as e:
                action.undo()
                self._staged.clear()
                error = database.told(e)
                if error is e:
                    raise
                raise error from e
            self._staged.pop(0)
            if last:
                self._snapshot = None
            elif self._snapshot is not None:
                # What has been announced is not taken back any more.
                self._snapshot = snapshot.Snapshot(self.node)

    @staticmethod
    def _process(
        action: step.Step, hand_over: handover.HandOver | None
    ) -> None:
        """Save and announce one transition.

        When the database fails, that is the error of the caller. One that was
        told that the request is accepted can rely on that: the state is saved
        when the database is back.
        """
        process = delivery.current().process
        try:
            process(action)
        except Exception as e:
            if (
                hand_over is None
                or not database.failed(e)
                or hand_over.refuse()
            ):
                raise
            database.insist(process, action)

    # Starting the worker

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: types.TracebackType | None,
    ) -> None:
        """Start the worker, or release the node when there is none to start.

        Called by the RPC thread.

        :raises NoFreeConductorWorker: when no worker could be had
        :raises Exception: what kept the worker from starting its work
        """
        if exc_type is None and self._spawn_method is not None:
            if self._staged:
                self._start_operation()
            else:
                self._start_worker()
            return
        try:
            if exc_type is None:
                # Staged, but then nothing was spawned that could do it.
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

        Called by the thread that ends the future: the worker, or whoever
        cancels it. When the worker had not come as far as to save the state,
        the request is taken back first.
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
        """Set ``last_error``; see ``TaskManager._write_exception()``."""
        super()._write_exception(refusal.Told(future))

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
        # It never ran; whoever asked for it may try again.
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
        """Make the node what it was before the request; say why."""
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
