# SPDX-License-Identifier: Apache-2.0
"""The schedule in the place of real time, locks, waiting and workers."""

from collections.abc import Callable
from collections.abc import Iterable
from concurrent.futures import _base
import functools
import sys
from typing import Any

import fixtures
import futurist
from oslo_concurrency import lockutils
from oslo_db import api as db_api
import tenacity
from tenacity import nap

from ironic_async_events.task import database
from laboratory.faults import database as faulty
from laboratory.faults import schedule

_PRODUCT = ('ironic_async_events.', 'ironic.conductor.transitions.')
_TESTS = 'ironic_async_events.tests.'
# What sleeps for Ironic and for the plugin.
SLEEPERS: tuple[Any, ...] = (db_api, nap, tenacity)


class StandIns(fixtures.Fixture):
    """Modules of the product, and others, get stand-ins for modules.

    :param table: name, real module and stand-in of each
    """

    def __init__(
        self, table: Iterable[tuple[str, Any, Any]], *others: Any
    ) -> None:
        super().__init__()
        self._table, self._others = table, others

    def _setUp(self) -> None:
        product = [
            module
            for name, module in sorted(sys.modules.items())
            if name.startswith(_PRODUCT) and not name.startswith(_TESTS)
        ]
        for module in (*self._others, *product):
            for name, real, stand_in in self._table:
                if getattr(module, name, None) is real:
                    self.put(module, name, stand_in)

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute, as long as the fixture is in use."""
        self.useFixture(fixtures.MockPatchObject(owner, name, value))


class Edges(fixtures.Fixture):
    """Nothing really sleeps; threads take turns."""

    def __init__(self, plan: schedule.Schedule) -> None:
        super().__init__()
        self._plan = plan

    def _setUp(self) -> None:
        # A future waits in the last of these modules.
        stand_ins = self.useFixture(
            StandIns(schedule.stand_ins(self._plan), *SLEEPERS, _base)
        )
        # Made before there was a stand-in.
        stand_ins.put(database, '_TURN', database.threading.RLock())
        fair = functools.cache(
            lambda name: schedule.Lock(self._plan, reentrant=True)
        )
        stand_ins.put(lockutils, 'internal_fair_lock', fair)


def forget_locks() -> None:
    """Let the process know of no task and no orphan, as after its start."""
    database._TURN = database.threading.RLock()
    locks: Any = sys.modules.get('ironic_async_events.repairs.locks')
    if locks is not None:
        locks.RESERVATIONS = type(locks.RESERVATIONS)()
    orphans: Any = sys.modules.get('ironic_async_events.repairs.orphans')
    if orphans is not None:
        orphans._KEPT.clear()


class Workers:
    """Takes the place of the conductor's pool; it always has a thread.

    :param part: is told that a worker is asked for
    """

    def __init__(self, plan: schedule.Schedule, part: faulty.Part) -> None:
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
