# SPDX-License-Identifier: Apache-2.0
"""Growing, jittered pauses."""

import tenacity


class BackOff:
    """The pauses between attempts at one thing.

    :param first: the longest first pause, in seconds
    :param longest: the longest pause of all
    """

    def __init__(self, first: float, longest: float) -> None:
        # The shortest is not 0: not even by chance is there a busy loop.
        self._wait = tenacity.wait_random_exponential(
            multiplier=first, max=longest, min=first / 4
        )
        self._state = self._begin()

    def next(self) -> float:
        """Return how long to wait now, in seconds."""
        seconds = self._wait(self._state)
        self._state.prepare_for_next_attempt()
        return seconds

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._state = self._begin()

    @staticmethod
    def _begin() -> tenacity.RetryCallState:
        return tenacity.RetryCallState(
            retry_object=tenacity.Retrying(), fn=None, args=(), kwargs={}
        )
