# SPDX-License-Identifier: Apache-2.0
"""A database whose statement number k fails."""

from collections.abc import Callable
import dataclasses
import sqlite3
from typing import Any

from laboratory.faults import kinds
from laboratory.faults import schedule

#: More statements than any operation makes: something goes in circles.
_TOO_MANY = 20000


@dataclasses.dataclass(frozen=True)
class Made:
    """A statement that was made.

    :param actor: who made it
    :param does: what it does
    :param text: what it is, in short
    :param part: the part of the operation that it belongs to
    :param seconds: how long after the request
    """

    actor: str
    does: kinds.Statement
    text: str
    part: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault at one statement.

    :param at: number of the statement
    :param kind: how it fails
    """

    at: int
    kind: kinds.Kind


class Connection(sqlite3.Connection):
    """What the server knows of a connection."""

    made_at = 0
    wrote = False
    is_dead = False


class Server:
    """The database as its clients see it.

    :param plan: the schedule of the clients
    """

    def __init__(self, plan: schedule.Schedule) -> None:
        self._plan = plan
        self._broken_at = 0
        self._began = self._away_until = 0.0
        self.made: list[Made] = []
        self.fault: Fault | None = None
        self.counts = False
        self.part = kinds.Part()
        self.before: Callable[[int], None] = lambda number: None
        self.committed: Callable[[], None] = lambda: None

    def begin(self, fault: Fault | None) -> None:
        """Count statements from now on.

        :param fault: what is to fail
        """
        self.made = []
        self.fault = fault
        self.counts = True
        self._began = self._away_until = self._plan.now

    def end(self) -> None:
        """Count no more; nothing fails any more."""
        self.counts = False
        self.fault = None

    def open(self, connection: Connection) -> None:
        """Begin to answer a connection, or raise when nothing answers.

        :param connection: it may have been closed before
        """
        if self._plan.now < self._away_until:
            raise kinds.gone()
        connection.made_at = self._broken_at
        connection.wrote = False

    def check(self, connection: Connection) -> None:
        """Raise when a connection does not answer."""
        if (
            connection.is_dead
            or connection.made_at < self._broken_at
            or self._plan.now < self._away_until
        ):
            self._break(connection)
            raise kinds.gone()

    def carry_out(
        self,
        connection: Connection,
        does: kinds.Statement,
        text: str,
        statement: Callable[[], Any],
    ) -> Any:
        """Carry a statement out, or let it fail.

        Called by every client, for every statement that counts.

        :param connection: whose statement it is
        :param does: what it does
        :param text: what it is, in short
        :param statement: carries it out
        """
        self.check(connection)
        fault = None
        actor = self._plan.running
        if self.counts and not (actor and actor.guest):
            number = len(self.made)
            if number > _TOO_MANY:
                raise schedule.Abandoned()
            self.made.append(
                Made(
                    actor=actor.name if actor else '-',
                    does=does,
                    text=text,
                    part=self.part.of(does),
                    seconds=self._plan.now - self._began,
                )
            )
            self.before(number)
            self.check(connection)
            if self.fault is not None and self.fault.at == number:
                fault = self.fault.kind
        result = None
        if fault is None or fault.carried_out:
            result = statement()
            if does is kinds.Statement.COMMIT:
                connection.wrote = False
                self.committed()
            elif does is kinds.Statement.WRITE:
                connection.wrote = True
        if fault is not None:
            self._fail(connection, fault)
        return result

    def _fail(self, connection: Connection, kind: kinds.Kind) -> None:
        if kind.rolls_back:
            sqlite3.Connection.rollback(connection)
        if kind.breaks:
            self._break(connection)
        if kind.away:
            self._away_until = self._plan.now + kind.away
            self._broken_at += 1
        raise kinds.raised(kind)

    def _break(self, connection: Connection) -> None:
        sqlite3.Connection.rollback(connection)
        connection.is_dead = True
