# SPDX-License-Identifier: Apache-2.0
"""Save, log and announce a transition of a node, or undo it."""

import time
from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.conductor import notification_utils as notify
from ironic.conductor import task_manager
from oslo_config import cfg

from ironic_async_events.task import database
from ironic_async_events.task import handover
from ironic_async_events.task import saving
from ironic_async_events.task import sequence
from ironic_async_events.task import transition as tr

CONF = cfg.CONF

# The states in which an operation is under way; in a hold it waits for its
# user.
_WORKING = frozenset(
    (
        *states.UNSTABLE_STATES,
        states.CLEANHOLD,
        states.DEPLOYHOLD,
        states.SERVICEHOLD,
    )
)

# The lines that Ironic's own task manager writes stay where they were.
LOG = task_manager.LOG


class Step:
    """The actions on a transition of a task.

    :param task: the task, which holds the lock on its node
    :param transition: the transition
    :param hand_over: notified when the state is saved; None when no thread
        waits
    """

    def __init__(
        self,
        task: Any,
        transition: tr.Transition,
        hand_over: handover.HandOver | None,
    ) -> None:
        self._task = task
        self._node = task.node
        self._transition = transition
        self._hand_over = hand_over
        self._fields: dict[str, Any] = {
            'provision_state': transition.state,
            'target_provision_state': transition.target,
        }
        if transition.changes_error:
            self._fields['last_error'] = transition.last_error
        self._mark: sequence.Mark | None = None
        if CONF.async_events.sequence_notifications:
            self._number()
        self._before = {
            name: getattr(self._node, name) for name in self._fields
        }
        self._saving: set[str] = set()
        self._clean = self._fields.keys() - saving.changed_fields(self._node)

    def _number(self) -> None:
        """Give the transition its number, which is saved with the state."""
        info = self._node.driver_internal_info or {}
        self._mark = sequence.following(
            sequence.read(info), self._transition, _WORKING, time.time()
        )
        self._fields['driver_internal_info'] = {
            **info,
            sequence.KEY: self._mark.as_dict(),
        }

    def save(self) -> None:
        """See :class:`ironic_async_events.task.delivery.Step`."""
        self._set(self._fields)
        self._saving = saving.changed_fields(self._node)
        if 'provision_state' in self._clean:
            saving.save(self._node, self._before['provision_state'])
        else:
            saving.save_as_ironic_does(self._node)

    def rolled_back(self) -> None:
        """Make the next save write all fields again.

        This includes fields that the caller has changed on the node.
        """
        self._set({name: getattr(self._node, name) for name in self._saving})

    def was_saved(self) -> bool:
        """Return whether the row has the new state; retry until it answers.

        Saving a node commits, and then reads the node. The error may come from
        the read, or from a connection that broke after the commit. The state
        decides: every event changes the state, and no other task changes a
        locked node.
        """
        stored = database.insist(self._stored)
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

    def saved(self) -> None:
        """Write Ironic's log line and wake the RPC thread."""
        log = LOG.error if self._transition.failed else LOG.info
        log(
            'Node %(node)s moved to provision state "%(state)s" '
            'from state "%(previous)s"; target provision state is '
            '"%(target)s"',
            {
                'node': self._node.uuid,
                'state': self._transition.state,
                'target': self._transition.target,
                'previous': self._transition.previous_state,
            },
        )
        if self._hand_over is not None:
            self._hand_over.saved()

    def announce(self) -> None:
        """Send Ironic's notification, and the numbered one if configured."""
        transition = self._transition
        status = transition.status(states.UNSTABLE_STATES)
        notify.emit_provision_set_notification(
            self._task,
            transition.level,
            status,
            transition.previous_state,
            transition.previous_target,
            transition.event,
        )
        if self._mark is not None:
            # Registers its classes with Ironic when it is imported.
            from ironic_async_events.task import objects

            objects.emit_provision_event(
                self._task.context,
                self._node.uuid,
                transition,
                status,
                self._mark,
                time.time(),
            )

    def undo(self) -> None:
        """Undo a transition that could not be saved."""
        self._set(self._before)
        self._node.obj_reset_changes(self._clean)
        # Also puts the state machine back.
        self._task.node = self._node

    def _set(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self._node, name, value)
