# SPDX-License-Identifier: Apache-2.0
"""A step of a node through the provision state machine, as a value.

Database, log and bus get their data from this value, and never from attributes
of a task, which other threads may have changed.
"""

from collections.abc import Collection
import dataclasses

_FAILURES = frozenset(('fail', 'error'))


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """A state machine's answer to one event.

    :param event: the event that was processed
    :param previous_state: provision state before the event
    :param previous_target: target provision state before the event
    :param state: provision state that the event leads to
    :param target: target provision state that goes with it
    :param last_error: what the node's ``last_error`` becomes, if anything
    :param clears_error: whether the node's ``last_error`` is emptied when
        there is no new one: an operation that starts forgets the error of
        the one before, a step within an operation does not
    """

    event: str
    previous_state: str | None
    previous_target: str | None
    state: str
    target: str | None
    last_error: str | None = None
    clears_error: bool = False

    @property
    def changes_error(self) -> bool:
        """Whether the node's ``last_error`` is written at all."""
        return self.clears_error or self.last_error is not None

    @property
    def failed(self) -> bool:
        """Whether the step leads to a state that says that work failed."""
        return self.state.endswith('failed') or self.state == 'error'

    @property
    def level(self) -> str:
        """Level of the notification: ``info`` or ``error``."""
        return 'error' if self.event in _FAILURES else 'info'

    def status(self, unstable_states: Collection[str]) -> str:
        """Status of the notification, the last word of its event type.

        :param unstable_states: the states in which a conductor or an agent
            is at work (``ironic.common.states.UNSTABLE_STATES``)
        :returns: ``error``, ``start``, ``end`` or ``success``
        """
        if self.event in _FAILURES:
            return 'error'
        works = self.state in unstable_states
        worked = self.previous_state in unstable_states
        if works and not worked:
            return 'start'
        if worked and not works:
            return 'end'
        return 'success'
