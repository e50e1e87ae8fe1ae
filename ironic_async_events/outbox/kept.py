# SPDX-License-Identifier: Apache-2.0
"""One connection to the database that a thread keeps.

To take a connection from the pool, to see whether it is alive, to open a
session on it and to give it back costs more than most statements do. That is
too much for a thread that asks many times a second.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import time

import sqlalchemy as sa


class Kept:
    """A connection for one thread, made when it is needed.

    :param engine: the database
    :param seconds: after which a connection is changed for a new one, as
        those of a pool are
    :param clock: tells the time, in seconds
    """

    def __init__(
        self,
        engine: sa.Engine,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._seconds = seconds
        self._clock = clock
        self._connection: sa.Connection | None = None
        self._made_at = 0.0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give the connection for one transaction.

        After an error the next one gets a new connection.

        :raises Exception: what the database says
        """
        if self._clock() - self._made_at >= self._seconds:
            self.close()
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
                self._made_at = self._clock()
            with self._connection.begin():
                yield self._connection
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back, if there is one. Never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()
