# SPDX-License-Identifier: Apache-2.0
"""Remember a refused continuation: why its node waits, when to retry."""

from collections.abc import Callable
from typing import Any

SPACING = 10
"""Seconds between two passes."""
_LONGEST_PAUSE = 60


class Refused:
    """A continuation that was refused.

    :param method: the method of the conductor
    :param now: the time, by a clock that only advances
    """

    def __init__(self, method: Callable[..., Any], now: float) -> None:
        self.method = method
        self.attempts = 0
        # What the node waits for; None when the database was away.
        self.seen: Wait | None = None
        self.back_off(now)

    def back_off(self, now: float) -> None:
        """Wait longer before the next attempt."""
        pause = min(SPACING * 2**self.attempts, _LONGEST_PAUSE)
        self.due = now + pause
        self.attempts += 1


class Wait:
    """What a node waits for."""

    def __init__(self, node: Any) -> None:
        info = node.driver_internal_info or {}
        self._step = (
            node.provision_state,
            info.get('clean_step_index'),
            info.get('deploy_step_index'),
            info.get('service_step_index'),
        )
        self._updated_at = node.provision_updated_at

    def is_same(self, before: 'Wait | None', here: bool) -> bool:
        """Return whether the node still waits for the same.

        :param before: what it waited for
        :param here: whether this conductor would have seen a change; else
            the node must not even have been touched
        """
        if before is None:
            return here
        return self._step == before._step and (
            here or self._updated_at == before._updated_at
        )
