# SPDX-License-Identifier: Apache-2.0
"""The pool of workers under a schedule."""

from collections.abc import Callable
from typing import Any

import futurist

from laboratory.faults import parts
from laboratory.faults import schedule


class Workers:
    """Takes the place of the conductor's pool; it always has a thread.

    :param plan: the schedule of the workers
    :param part: is told that a worker is asked for
    """

    def __init__(self, plan: schedule.Schedule, part: parts.Part) -> None:
        self._plan = plan
        self._part = part
        self.begin(eager=False)

    def begin(self, eager: bool) -> None:
        """Forget the workers of the last case.

        :param eager: whether a worker runs before the thread that asks for it
            goes on
        """
        self.asked = 0
        self._eager = eager

    def spawn(
        self,
        func: Callable[..., Any],
        *args: Any,
        _allow_reserved_pool: bool = True,
        **kwargs: Any,
    ) -> futurist.Future:
        """Take the place of ``ConductorManager._spawn_worker``."""
        self.asked += 1
        self._part.asked()
        future = futurist.Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = func(*args, **kwargs)
            except schedule.Abandoned:
                raise
            except BaseException as e:
                future.set_exception(e)
            else:
                future.set_result(result)

        worker = self._plan.start(f'worker {self.asked}', work)
        if self._eager:
            self._plan.let(worker)
        return future
