# SPDX-License-Identifier: Apache-2.0
"""The schedule in the place of real time, locks, waiting and workers."""

from collections.abc import Callable
from concurrent import futures
import sys
import threading
import time
import types
from typing import Any

import fixtures
import futurist
from oslo_concurrency import lockutils
from oslo_db import api as db_api
import tenacity
from tenacity import nap

from ironic_async_events.task import database
from laboratory.faults import kinds
from laboratory.faults import primitives
from laboratory.faults import schedule

_PRODUCT = ('ironic_async_events.', 'ironic.conductor.transitions.')
_TESTS = 'ironic_async_events.tests.'
# What sleeps for Ironic and for the plugin.
_SLEEPERS: tuple[Any, ...] = (db_api, nap, tenacity)


class Futures:
    """Takes the place of ``concurrent.futures``.

    :param plan: the schedule of those who wait
    """

    def __init__(self, plan: schedule.Schedule) -> None:
        self._plan = plan

    def wait(
        self,
        fs: Any,
        timeout: float | None = None,
        return_when: str = futures.ALL_COMPLETED,
    ) -> tuple[set[Any], set[Any]]:
        """See ``concurrent.futures.wait``."""
        waited = set(fs)
        some = return_when == futures.FIRST_COMPLETED

        def ready() -> bool:
            done = [future.done() for future in waited]
            return any(done) if some else all(done)

        self._plan.wait(ready, timeout)
        done = {future for future in waited if future.done()}
        return done, waited - done

    def __getattr__(self, name: str) -> Any:
        return getattr(futures, name)


def _product() -> list[types.ModuleType]:
    """Return the modules of the plugin, or of the patch set, in use."""
    return [
        module
        for name, module in sorted(sys.modules.items())
        if name.startswith(_PRODUCT) and not name.startswith(_TESTS)
    ]


class Edges(fixtures.Fixture):
    """Nothing really sleeps; threads take turns.

    :param plan: the schedule
    """

    def __init__(self, plan: schedule.Schedule) -> None:
        super().__init__()
        self._plan = plan

    def _setUp(self) -> None:
        stand_ins = (
            ('time', time, primitives.Time(self._plan)),
            ('threading', threading, primitives.Threading(self._plan)),
            ('futures', futures, Futures(self._plan)),
        )
        for module in (*_SLEEPERS, *_product()):
            for name, real, stand_in in stand_ins:
                if module in _SLEEPERS and name != 'time':
                    continue
                if getattr(module, name, None) is real:
                    self._put(module, name, stand_in)
        # Made before there was a stand-in.
        self._put(database, '_TURN', database.threading.RLock())
        self._put(
            lockutils,
            'internal_fair_lock',
            primitives.fair_locks(self._plan),
        )

    def _put(self, owner: Any, name: str, value: Any) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(f'{owner.__name__}.{name}', value)
        )


def forget_locks() -> None:
    """Let the process know of no task and no orphan, as after its start."""
    database._TURN = database.threading.RLock()
    reservation: Any = sys.modules.get('ironic_async_events.repairs.locks')
    if reservation is not None:
        reservation.RESERVATIONS = type(reservation.RESERVATIONS)()
    orphans: Any = sys.modules.get('ironic_async_events.repairs.orphans')
    if orphans is not None:
        orphans._KEPT.clear()


class Workers:
    """Takes the place of the conductor's pool; it always has a thread.

    :param plan: the schedule of the workers
    :param part: is told that a worker is asked for
    """

    def __init__(self, plan: schedule.Schedule, part: kinds.Part) -> None:
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
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> futurist.Future:
        """Take the place of ``submit()`` of the pools."""
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
