# SPDX-License-Identifier: Apache-2.0
"""What a statement does, which part it belongs to, and how it fails."""

import dataclasses
import enum
import sqlite3


class Statement(enum.Enum):
    """What a statement does."""

    READ = 'read'
    WRITE = 'write'
    COMMIT = 'commit'


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

    def of(self, does: Statement) -> str:
        """Return the part of the next statement.

        :param does: what it does
        """
        # What is read after the state was saved belongs to that.
        if self._name == SAVE and self._saved and does is Statement.WRITE:
            self._name = WORK
        return self._name


#: The dialect of SQLite takes this for a lost connection.
_GONE = sqlite3.ProgrammingError('Cannot operate on a closed database.')
#: See ``database.Deadlocks``.
_DEADLOCK = sqlite3.OperationalError('deadlock detected')
#: oslo.db leaves it as SQLAlchemy's OperationalError.
_OTHER = sqlite3.OperationalError('disk I/O error')

_ALL = frozenset(Statement)
_WRITES = frozenset((Statement.WRITE, Statement.COMMIT))
_COMMITS = frozenset((Statement.COMMIT,))


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to fail.

    :param name: in one word
    :param of: the statements that can fail so
    :param error: what the driver raises
    :param carried_out: whether the statement is carried out all the same
    :param away: for how long nothing answers from then on, in seconds
    """

    name: str
    of: frozenset[Statement]
    error: sqlite3.Error = _GONE
    carried_out: bool = False
    away: float = 0.0

    @property
    def breaks(self) -> bool:
        """Whether the connection is gone."""
        return self.error is _GONE

    @property
    def rolls_back(self) -> bool:
        """Whether the database rolls the transaction back by itself."""
        return self.error is not _OTHER


KINDS = (
    Kind('before', _ALL),
    Kind('other', _WRITES, _OTHER),
    Kind('deadlock', _WRITES, _DEADLOCK),
    Kind('lost', _WRITES, carried_out=True),
    Kind('away-3', _COMMITS, away=3.0),
    Kind('away-60', _COMMITS, away=60.0),
    Kind('lost-away-3', _COMMITS, carried_out=True, away=3.0),
    Kind('lost-away-60', _COMMITS, carried_out=True, away=60.0),
)
"""Every way, in the order of the table."""


def gone() -> sqlite3.Error:
    """Return what the driver raises while nothing answers."""
    return type(_GONE)(*_GONE.args)


def raised(kind: Kind) -> sqlite3.Error:
    """Return a new exception of a kind."""
    return type(kind.error)(*kind.error.args)
