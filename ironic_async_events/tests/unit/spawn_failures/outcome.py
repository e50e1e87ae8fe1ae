# SPDX-License-Identifier: Apache-2.0
"""What became of a node, and how that is judged; pure.

Two books are kept. Ours (:meth:`Outcome.faults`) has one question: is the
node as before, in every respect? The other (:attr:`Outcome.fate`) sorts
outcomes into the three columns of the table of stock Ironic, which looks at
where the node ended up and not at leftovers in other fields.
"""

from collections.abc import Mapping
import dataclasses
import enum
from typing import Any

from ironic.common import exception
from ironic.conductor import task_manager

#: States in which only a running worker moves the node on.
TRANSIENT = frozenset(
    (
        'adopting',
        'cleaning',
        'deleting',
        'deploying',
        'inspecting',
        'rescuing',
        'servicing',
        'unrescuing',
        'verifying',
    )
)
#: An error is what the operator is told, and the clock of the row goes on.
EXEMPT = frozenset(('last_error', 'updated_at'))


class Fate(enum.Enum):
    """The columns of the table."""

    AS_BEFORE = 'as before'
    STUCK = 'stuck in a transient state'
    MOVED = 'moved on without the work'


class Found(enum.Enum):
    """Whether a periodic pass with free workers deals with the node."""

    NOT_ASKED = 'not a matter of passes'
    NEXT = 'found by the next pass'
    LATER = 'found after another time-out'
    NEVER = 'never found again'


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A node before and after an operation that got no worker.

    :param name: the case.
    :param before: all fields of the node before the request.
    :param after: all fields of the node when everything had ended.
    :param records: how many records its history has gained.
    :param notifications: what was sent, in order, as text.
    :param error: what the caller got, if anything.
    :param found: what the next pass did, if it is a matter of passes.
    :param awaited: whether a caller was there to be told of an error.
    """

    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    records: int = 0
    notifications: tuple[str, ...] = ()
    error: BaseException | None = None
    found: Found = Found.NOT_ASKED
    awaited: bool = True

    @property
    def differing(self) -> frozenset[str]:
        """Names of all fields that differ."""
        return frozenset(
            field
            for field in {*self.before, *self.after}
            if self.before.get(field) != self.after.get(field)
        )

    @property
    def altered(self) -> tuple[str, ...]:
        """Names of the fields that differ, the exempt ones left out."""
        return tuple(sorted(self.differing - EXEMPT))

    @property
    def is_untouched(self) -> bool:
        """Whether nothing but the lock was written, not even an error."""
        return self.differing <= {'updated_at'} and not self.records

    @property
    def fate(self) -> Fate:
        """The column of the table.

        An untouched node is as before, even in a transient state. One that
        was written to and stands in a transient state without a worker is
        stuck, even if it stood there before: this is how the table counts
        the continuation of a deployment from ``deploying``, stuck for
        ``NoFreeConductorWorker``, as before for ``RuntimeError``.
        """
        state = self.after['provision_state']
        if self.is_untouched:
            return Fate.AS_BEFORE
        if state in TRANSIENT or self.after['target_power_state'] is not None:
            return Fate.STUCK
        if state != self.before['provision_state']:
            return Fate.MOVED
        return Fate.STUCK if self.found is Found.NEVER else Fate.AS_BEFORE

    def faults(self) -> list[str]:
        """Say in which respects the node is not as before.

        :returns: one text per fault; empty when all is well.
        """
        faults = [
            f'{field}: {self.before.get(field)!r} -> {self.after.get(field)!r}'
            for field in self.altered
        ]
        if self.records > 1:
            faults.append(f'{self.records} new records in its history')
        faults.extend(f'sent {each}' for each in self.notifications)
        if self.found in (Found.LATER, Found.NEVER):
            faults.append(self.found.value)
        return faults


def result(state: str, event: str) -> str:
    """Ask Ironic's state machine for the result of an event.

    :param state: the provision state before it.
    :param event: the event.
    :returns: the state after it; ``nothing`` if it may not happen.
    """
    # Two releases import it from different places; the task manager has it.
    module: Any = task_manager
    machine = getattr(module, 'state_machine', module.states).machine.copy()
    machine.initialize(start_state=state)
    try:
        machine.process_event(event)
    except exception.InvalidState:
        return 'nothing'
    return str(machine.current_state)
