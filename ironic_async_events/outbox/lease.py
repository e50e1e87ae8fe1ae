# SPDX-License-Identifier: Apache-2.0
"""The lease keeps two relays apart: the leader publishes, the others wait.

This is no lock of tooz or of the database: such a lock belongs to a
connection, and a relay cannot know for how long it may trust the lock.
"""

from collections.abc import Callable
import time
from typing import Any

# A relay takes the lease for this share of outbox_lease, so that another relay
# has taken over when outbox_lease is over.
_TAKEN = 0.95
# A leader trusts its lease for this share only: its clock and the clock of the
# database may differ in speed.
_TRUSTED = 0.85
# The leader renews the lease this many times within outbox_lease.
_RENEWALS = 4
# Other relays ask again this many seconds after the end of the lease.
_AFTER = 0.01


def clock() -> float:
    """Return seconds, which also pass while the machine is suspended."""
    return time.clock_gettime(
        getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)
    )


class Lease:
    """The lease as one relay sees it. Used by the relay's thread.

    :param holder: a name that no other relay has
    :param seconds: within which another relay takes over from a dead leader
    """

    def __init__(
        self,
        rows: Any,
        holder: str,
        seconds: float,
        clock: Callable[[], float] = clock,
    ) -> None:
        self.holder = holder
        self.seconds = seconds
        # How often the lease was taken; to renew it in time is not to take it.
        self.term = 0
        self._rows = rows
        self._clock = clock
        self._trusted_until = self._ask_at = clock()

    def is_valid(self) -> bool:
        """Return whether this relay leads. Called by the lanes as well."""
        return self._clock() < self._trusted_until

    def hold(self) -> bool:
        """Take or renew the lease when it is due; return if it is valid."""
        # Before the statement, which may take some time.
        now = self._clock()
        if now >= self._ask_at:
            left = self._rows.take_lease(self.holder, self.seconds * _TAKEN)
            pause = self.seconds / _RENEWALS
            if left is None:
                self.term += not self.is_valid()
                self._trusted_until = now + self.seconds * _TRUSTED
                self._ask_at = now + pause
            else:
                self._trusted_until = now
                self._ask_at = self._clock() + min(pause, left + _AFTER)
        return self.is_valid()

    def seconds_to_next(self) -> float:
        """Return after how many seconds the database has to be asked."""
        return max(0.0, self._ask_at - self._clock())

    def give_up(self) -> None:
        """Let another relay take the lease at once."""
        self._trusted_until = self._ask_at = self._clock()
        self._rows.give_up_lease(self.holder)
