# SPDX-License-Identifier: Apache-2.0
"""One change of a provision state: save, log and announce it, or undo it."""

from collections.abc import Callable
from concurrent import futures
import dataclasses
import time
from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.conductor import notification_utils as notify
from ironic.conductor import task_manager
from oslo_config import cfg

from ironic_async_events import conf as async_conf
from ironic_async_events.task import database

CONF = cfg.CONF
# The lines that Ironic's own task manager writes stay where they were.
LOG = task_manager.LOG


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """The state machine's answer to one event.

    What an event has changed is told from this value, and never from
    attributes of a task, which other threads may have changed.

    :param last_error: what the node's ``last_error`` becomes, if anything
    :param clears_error: whether an operation starts: it forgets the error of
        the operation before
    """

    event: str
    previous_state: str | None
    previous_target: str | None
    state: str
    target: str | None
    last_error: str | None = None
    clears_error: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the event says that work failed."""
        return self.event in ('fail', 'error')

    @property
    def level(self) -> str:
        """Level of the notification."""
        return 'error' if self.is_failure else 'info'

    @property
    def status(self) -> str:
        """Status of the notification, the last word of its event type."""
        if self.is_failure:
            return 'error'
        works = self.state in states.UNSTABLE_STATES
        worked = self.previous_state in states.UNSTABLE_STATES
        if works == worked:
            return 'success'
        return 'start' if works else 'end'


class StateChange:
    """A transition of a task's node.

    The thread that holds the lock calls all methods: as a rule the worker.

    :param task: the task, which holds the lock on its node
    :param started: the hand-over; None when no thread waits for the state
    """

    def __init__(
        self,
        task: Any,
        transition: Transition,
        started: futures.Future[None] | None,
    ) -> None:
        self._task = task
        self._node = task.node
        self._transition = transition
        self._started = started
        self._fields: dict[str, Any] = {
            'provision_state': transition.state,
            'target_provision_state': transition.target,
        }
        if transition.clears_error or transition.last_error is not None:
            self._fields['last_error'] = transition.last_error
        self._mark: Any = None
        if async_conf.reloaded(CONF, 'sequence_notifications'):
            # Registers its classes with Ironic when it is imported.
            from ironic_async_events.task import numbered

            self._mark, info = numbered.following(
                self._node.driver_internal_info, transition, time.time()
            )
            self._fields['driver_internal_info'] = info
        self._before = {
            name: getattr(self._node, name) for name in self._fields
        }
        # Names of the fields that the last attempt to save has written; empty
        # before the first.
        self._written: set[str] = set()
        # Names of the fields that the caller had not changed by then.
        self._untouched = self._fields.keys() - self._node._changed_fields

    def save(self) -> None:
        """Save the new state to the database."""
        if database.in_transaction():
            database.lock_for_writing()
        self._set(self._fields)
        # Not obj_what_changed(), which would look into every field for an
        # object that has changed itself: the traits, not saved with a node.
        self._written = set(self._node._changed_fields)
        database.retried(self._node.save)()

    def rolled_back(self) -> None:
        """Note that the transaction was rolled back after :meth:`save`.

        The next save writes all fields again, with those that the caller has
        changed on the node.
        """
        self._set({name: getattr(self._node, name) for name in self._written})

    def save_once(self, attempt: Callable[[], None]) -> None:
        """Save the state, unless an attempt before has saved it.

        Saving a node commits, and then reads the node. An error may come from
        the read, or from a connection that broke after the commit.

        :param attempt: calls :meth:`save`
        :raises Exception: what the attempt raised; or what reading the row
            raised, and whether the state is saved is not known
        """
        if not (self._written and self._was_saved()):
            try:
                attempt()
            except Exception:
                if not self._was_saved():
                    raise
        self._report_commit()

    def _was_saved(self) -> bool:
        """Return whether the row has the new state; retry until it answers.

        The state decides: every event changes the state, and no other task
        changes a locked node.
        """
        stored = database.retry_until_answered(self._stored)
        if stored is None or (
            stored.provision_state != self._transition.state
        ):
            return False
        self._node.obj_refresh(stored)
        self._node.obj_reset_changes()
        return True

    def _stored(self) -> Any:
        try:
            with database.causal():
                return type(self._node).get_by_uuid(
                    self._task.context, self._node.uuid
                )
        except exception.NodeNotFound:
            return None

    def _report_commit(self) -> None:
        """Log the commit of the state, and wake the RPC thread."""
        transition = self._transition
        failed = transition.state.endswith('failed')
        log = LOG.error if failed or transition.state == 'error' else LOG.info
        log(
            'Node %s moved to provision state "%s" from state "%s"; target '
            'provision state is "%s"',
            *(self._node.uuid, transition.state),
            *(transition.previous_state, transition.target),
        )
        if self._started is not None:
            self._started.set_result(None)

    def announce(self) -> None:
        """Send Ironic's notification, and the numbered one if configured.

        Never raises.
        """
        transition = self._transition
        notify.emit_provision_set_notification(
            self._task,
            transition.level,
            transition.status,
            transition.previous_state,
            transition.previous_target,
            transition.event,
        )
        if self._mark is not None:
            from ironic_async_events.task import numbered

            numbered.emit(self._task, transition, self._mark, time.time())

    def undo(self) -> None:
        """Put the node back: its state could not be saved."""
        self._set(self._before)
        self._node.obj_reset_changes(self._untouched)

    def _set(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self._node, name, value)
