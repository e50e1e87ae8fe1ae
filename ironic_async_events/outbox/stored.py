# SPDX-License-Identifier: Apache-2.0
"""Rows of the outbox as values, and the protocol of their store.

:mod:`ironic_async_events.outbox.store` implements the protocol with SQL; the
simulation implements it in memory.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import dataclasses
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A stored message.

    :param id: rises in the order of the transitions of one node
    :param message_id: the id, which repeats keep
    :param subject: what the message is about
    :param body: the message, encoded
    :param destination: where it is published; empty when an older release has
        stored it
    """

    id: int
    message_id: str
    subject: str
    body: str
    destination: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """A message that the bus has refused and that still waits.

    :param id: its number
    :param subject: what the message is about
    :param destination: where it is published
    """

    id: int
    subject: str
    destination: str


@dataclasses.dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages wait to be published.

    :param count: how many messages wait
    :param seconds: for how long the oldest message has waited
    :param set_aside: how many messages are set aside
    :param refused: how many of those that wait were refused
    """

    count: int
    seconds: float
    set_aside: int
    refused: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class SetAside:
    """A message that was set aside: a dead letter.

    :param id: its number, which the commands take
    :param message_id: the id, which repeats keep
    :param subject: what the message is about
    :param body: the message, encoded
    :param attempts: how often the bus refused it
    :param error: the last refusal
    :param seconds: for how long it has been set aside
    """

    id: int
    message_id: str
    subject: str
    body: str
    attempts: int
    error: str
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Leader:
    """Which relay has the lease.

    :param holder: the relay that took the lease last; empty if no relay did
    :param seconds: for how long the lease is valid; 0 when it has ended
    :param term: how often the lease has changed hands
    """

    holder: str
    seconds: float
    term: int


class Rows(Protocol):
    """The messages that the relay publishes, wherever they are stored."""

    def waiting(
        self,
        limit: int,
        but: Collection[str],
        confirmed: Collection[int],
        closed: Collection[str],
    ) -> list[Row]:
        """See :func:`ironic_async_events.outbox.store.waiting`."""

    def mark_refused(self, ids: Collection[int], holder: str) -> None:
        """See :func:`ironic_async_events.outbox.store.mark_refused`."""

    def refused(self, limit: int, after: int) -> Sequence[Refused]:
        """See :func:`ironic_async_events.outbox.store.refused`."""

    def still_waiting(
        self, ids: Collection[int], confirmed: Collection[int]
    ) -> list[Row]:
        """See :func:`ironic_async_events.outbox.store.still_waiting`."""

    def delete(self, ids: Collection[int]) -> None:
        """See :func:`ironic_async_events.outbox.store.delete`."""

    def set_aside(self, id: int, attempts: int, error: str) -> None:
        """See :func:`ironic_async_events.outbox.store.set_aside`."""

    def backlog(self) -> Backlog:
        """See :func:`ironic_async_events.outbox.store.backlog`."""


class Confirmed:
    """Deletes confirmed messages in batches. Used by the relay's thread.

    :param rows: the messages
    :param batch: how many messages are deleted at once
    :param linger: how many seconds a confirmed message may stay
    :param clock: tells the time, in seconds
    """

    def __init__(
        self,
        rows: Rows,
        batch: int,
        linger: float,
        clock: Callable[[], float],
    ) -> None:
        self._rows = rows
        self._batch = batch
        self._linger = linger
        self._clock = clock
        self._ids: dict[int, None] = {}
        self._delete_at = 0.0

    @property
    def ids(self) -> Collection[int]:
        """The numbers of the confirmed messages."""
        return self._ids.keys()

    def add(self, id: int) -> None:
        """Note that the bus has confirmed a message.

        :param id: its number
        """
        if not self._ids:
            self._delete_at = self._clock() + self._linger
        self._ids[id] = None

    def delete_some(self) -> None:
        """Delete a full batch, or what has stayed long enough.

        :raises Exception: the error of the database; nothing is forgotten
        """
        if len(self._ids) >= self._batch or self._clock() >= self._delete_at:
            self.delete()

    def delete(self) -> None:
        """Delete all confirmed messages.

        :raises Exception: the error of the database; nothing is forgotten
        """
        if self._ids:
            self._rows.delete(self._ids.keys())
            self._ids.clear()
