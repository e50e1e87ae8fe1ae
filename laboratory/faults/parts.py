# SPDX-License-Identifier: Apache-2.0
"""The parts of an operation, by what its statements are for."""

from laboratory.faults import kinds

LOCK = 'lock'
PREPARE = 'prepare'
SAVE = 'save'
WORK = 'work'
RELEASE = 'release'

#: The request becomes the worker's, and the lock is given back.
HAND_OVER = frozenset((SAVE, RELEASE))


class Part:
    """Which part an operation is in."""

    def __init__(self) -> None:
        self.begin(staged=True)

    def begin(self, staged: bool) -> None:
        """Begin with an operation.

        :param staged: whether it changes the state to begin with
        """
        self._name = LOCK
        self._after_spawn = SAVE if staged else WORK
        self._saved = False

    def held(self) -> None:
        """Note that a task has the lock."""
        if self._name in (LOCK, RELEASE):
            self._name = PREPARE

    def asked(self) -> None:
        """Note that a worker is asked for."""
        if self._name == PREPARE:
            self._name = self._after_spawn

    def saved(self) -> None:
        """Note that a change of the state was committed."""
        self._saved = self._name == SAVE

    def let_go(self) -> None:
        """Note that the lock is given back."""
        self._name = RELEASE

    def of(self, does: kinds.Statement) -> str:
        """Return the part of the next statement.

        :param does: what it does
        """
        # What is read after the state was saved belongs to that.
        if (
            self._name == SAVE
            and self._saved
            and does is kinds.Statement.WRITE
        ):
            self._name = WORK
        return self._name
