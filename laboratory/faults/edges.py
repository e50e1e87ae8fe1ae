# SPDX-License-Identifier: Apache-2.0
"""The schedule in the place of real time, locks and waiting."""

from collections.abc import Iterable
from concurrent.futures import _base
import functools
import sys
from typing import Any

import fixtures
from oslo_concurrency import lockutils
from oslo_db import api as db_api
import tenacity
from tenacity import nap

from ironic_async_events.task import database
from laboratory.faults import schedule

_PRODUCT = 'ironic_async_events.'
_TESTS = 'ironic_async_events.tests.'
# What sleeps for Ironic and for the plugin.
SLEEPERS: tuple[Any, ...] = (db_api, nap, tenacity)


class StandIns(fixtures.Fixture):
    """Modules of the product, and others, get stand-ins for modules."""

    def __init__(
        self, table: Iterable[tuple[str, Any, Any]], *others: Any
    ) -> None:
        super().__init__()
        self._table, self._others = table, others

    def _setUp(self) -> None:
        product = [
            module
            for name, module in list(sys.modules.items())
            if name.startswith(_PRODUCT) and not name.startswith(_TESTS)
        ]
        for module in (*self._others, *product):
            for name, real, stand_in in self._table:
                if getattr(module, name, None) is real:
                    self.put(module, name, stand_in)

    def put(self, owner: Any, name: str, value: Any) -> None:
        self.useFixture(fixtures.MockPatchObject(owner, name, value))


class Edges(fixtures.Fixture):
    """Nothing really sleeps; threads take turns."""

    def __init__(self, plan: schedule.Schedule) -> None:
        super().__init__()
        self._plan = plan

    def _setUp(self) -> None:
        made = functools.partial
        reentrant = made(schedule.Lock, self._plan, reentrant=True)
        table = schedule.stand_ins(
            self._plan,
            Lock=made(schedule.Lock, self._plan),
            RLock=reentrant,
            Condition=made(schedule.Condition, self._plan),
            Event=made(schedule.Event, self._plan),
        )
        # A future waits in the last of these modules.
        stand_ins = self.useFixture(StandIns(table, *SLEEPERS, _base))
        # Made before there was a stand-in.
        stand_ins.put(database, '_TURN', database.threading.RLock())
        fair = functools.cache(lambda name: reentrant())
        stand_ins.put(lockutils, 'internal_fair_lock', fair)


def forget_locks() -> None:
    """Let the process know of no task and no orphan, as after its start."""
    database._TURN = database.threading.RLock()
    repairs = f'{_PRODUCT}repairs.'
    if locks := sys.modules.get(f'{repairs}locks'):
        locks.RESERVATIONS = type(locks.RESERVATIONS)()
    if orphans := sys.modules.get(f'{repairs}orphans'):
        orphans._KEPT.clear()
