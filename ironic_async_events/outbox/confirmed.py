# SPDX-License-Identifier: Apache-2.0
"""Messages that the bus has confirmed, until they are deleted."""

from collections.abc import Callable
from collections.abc import Collection

from ironic_async_events.outbox import ports


class Confirmed:
    """Deletes in batches what was confirmed. Used by the relay's thread.

    :param rows: the messages
    :param batch: how many messages are deleted at once
    :param linger: for how many seconds they may stay
    :param clock: tells the time, in seconds
    """

    def __init__(
        self,
        rows: ports.Rows,
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
        """The numbers of the messages."""
        return self._ids.keys()

    def add(self, id: int) -> None:
        """Note that a message was confirmed.

        :param id: its number
        """
        if not self._ids:
            self._delete_at = self._clock() + self._linger
        self._ids[id] = None

    def delete_some(self) -> None:
        """Delete when it is time to, or when a batch has come together.

        :raises Exception: what the database says; nothing is forgotten
        """
        if len(self._ids) >= self._batch or self._clock() >= self._delete_at:
            self.delete()

    def delete(self) -> None:
        """Delete all.

        :raises Exception: what the database says; nothing is forgotten
        """
        if self._ids:
            self._rows.delete(self._ids.keys())
            self._ids.clear()
