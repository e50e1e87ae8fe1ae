# SPDX-License-Identifier: Apache-2.0
"""The ways in which a statement fails."""

import dataclasses
import enum
import sqlite3


class Statement(enum.Enum):
    """What a statement does."""

    READ = 'read'
    WRITE = 'write'
    COMMIT = 'commit'


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
