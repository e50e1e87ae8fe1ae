# SPDX-License-Identifier: Apache-2.0
"""Stage an event in the RPC thread, post-process the event in the worker.

Loading this module needs ``ironic.conductor.task_manager``.
"""

import copy
from typing import Any

from ironic.common import states
from ironic.conductor import task_manager

from ironic_async_events.task import database
from ironic_async_events.task import delivery
from ironic_async_events.task import handover
from ironic_async_events.task import snapshot
from ironic_async_events.task import step
from ironic_async_events.task import transition as tr


class StagingTaskManager(task_manager.TaskManager):
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

    def _lock(self) -> None:
        """Lock the node and remember what it is; see ``TaskManager._lock()``.

        Called by the thread that makes the task.
        """
        super()._lock()
        self._snapshot = snapshot.Snapshot(self.node)

    def stage(
        self,
        event: str,
        target_state: str | None = None,
        last_error: str | None = None,
        *,
        starts_work: bool = False,
    ) -> None:
        """Advance the state machine; leave node and database alone.

        Called by the thread that holds the lock.

        :param event: name of the event
        :param target_state: the node's new target provision state, in place
            of the state machine's
        :param last_error: the node's new ``last_error``
        :param starts_work: whether an operation begins with the event: its
            node gets a target, and loses the error of the operation before
        :raises InvalidState: when the state machine refuses the event;
            nothing has changed then
        """
        # On a copy, because the machine advances before it checks the target
        # state. Copies share the tables; only the position differs.
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
            # The thread may still have the context of its last request, but
            # the log lines need the id of this request.
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
                # An announced transition is never taken back.
                self._snapshot = snapshot.Snapshot(self.node)

    def _process(
        self, action: step.Step, hand_over: handover.HandOver | None
    ) -> None:
        """Save and announce one transition.

        When the database fails, the request is refused with this error. When
        the request was accepted before, the worker saves the state as soon as
        the database is back.
        """
        process = delivery.current().process
        try:
            process(action)
        except Exception as e:
            if not database.failed(e):
                raise
            if hand_over is not None:
                gives_up = hand_over.refuse()
            else:
                # Without a worker there is a client that waits.
                gives_up = self._spawn_method is None
            if gives_up:
                raise
            database.insist(process, action)
