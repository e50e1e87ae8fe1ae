# SPDX-License-Identifier: Apache-2.0
"""A conductor that is prepared once and goes through one case after another.

Nothing of Ironic and nothing of the plugin is replaced for a fault. What is
replaced are the edges: time and locks, the pool of workers, the notifier.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import enum
import functools
import logging
import random
import sqlite3
from typing import Any

import futurist
from ironic.conductor import task_manager
from ironic.conf import CONF
from oslo_db.sqlalchemy import enginefacade

from ironic_async_events import patching
from ironic_async_events import redaction
from ironic_async_events.tests.unit import fixtures as async_fixtures
from ironic_async_events.tests.unit.spawn_failures import base
from ironic_async_events.tests.unit.spawn_failures import cases
from laboratory.faults import database
from laboratory.faults import edges
from laboratory.faults import invariants
from laboratory.faults import observed
from laboratory.faults import rivals
from laboratory.faults import schedule

#: A request that takes longer than this never ends.
_FOR_EVER = 600.0
_BETWEEN = 600.0
_PASSES = tuple(
    dict.fromkeys(case.method for case in cases.CASES if case.periodic)
)
#: Operations that make few statements.
_SHORT = ('inspect', 'rescue', 'unrescue', 'manage')


class World(enum.Enum):
    """What is installed; the values are those of the command line."""

    STOCK = 'stock'
    PATCHED = 'patched'
    PLUGIN = 'without'
    OUTBOX = 'with'


class FaultBench(base.Bench):
    """A conductor whose database fails when it is told to."""

    def __init__(self, installed: World) -> None:
        super().__init__('setUp')
        self.world = installed

    def setUp(self) -> None:
        super().setUp()
        if self.world in (World.PLUGIN, World.OUTBOX):
            self.useFixture(async_fixtures.Plugin())
            # As a conductor does that starts with it.
            redaction.hiding_parameters(lambda: None)()
            # Without its entry points it would be stock Ironic, in silence.
            assert patching.state().active, patching.state().refusal
        # The conductor says once that it lives; a sweep takes longer.
        self.config(heartbeat_timeout=10**7, group='conductor')
        self.config(node_locked_retry_interval=5, group='conductor')
        if 'sqlite_retries' in CONF.database:
            # Who finds the database locked lets the other run.
            self.config(sqlite_retries=True, group='database')
        self.context.auth_token_info = {
            'token': {'project': {'id': 'the-tenant'}}
        }
        self.lose_conductor(cases.DEAD_CONDUCTOR)
        engine = enginefacade.writer.get_engine()
        self.plan = schedule.Schedule()
        self.observer = observed.Observer(engine.url.database)
        self.addCleanup(self.observer.close)
        if self.world is World.OUTBOX:
            self.useFixture(observed.Outbox(engine))
        self.server = self.useFixture(database.Server(self.plan, engine))
        self._empty = self.observer.copy()
        self._prepared: dict[str, tuple[sqlite3.Connection, str]] = {}
        self.locks = self.useFixture(
            observed.Locks(self.observer, self.server.part, self.plan)
        )
        self.server.committed = self._committed
        self.useFixture(edges.Edges(self.plan))
        self.log = observed.Log()
        self._listen()
        self.take_work_by(self._spawn)

    def _listen(self) -> None:
        """Let the log be ours alone; DEBUG is not judged and costs time."""
        root = logging.getLogger()
        before, level = list(root.handlers), root.manager.disable
        self.addCleanup(root.handlers.__setitem__, slice(None), before)
        self.addCleanup(logging.disable, level)
        root.handlers[:] = [self.log]
        for logger in root.manager.loggerDict.values():
            # Ironic's migrations disable every logger that is there.
            if isinstance(logger, logging.Logger):
                logger.disabled = False
        logging.disable(logging.DEBUG)

    def _committed(self) -> None:
        self.locks.committed()
        if self.observer.states():
            self.server.part.happens('saved')

    def _spawn(
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> futurist.Future:
        """Take the place of ``submit()``; there always is a worker."""
        self._asked += 1
        self.server.part.happens('asked')
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

        worker = self.plan.start(f'worker {self._asked}', work)
        if self._eager:
            # It runs before the thread that has asked for it goes on.
            self.plan.let(worker)
        return future

    # A case

    def run_case(
        self,
        case: cases.Case,
        at: int = -1,
        kind: database.Kind | None = None,
        company: str = '',
        name: str = '',
    ) -> invariants.Journal:
        """Make a request, let a statement of it fail, and go on.

        :param company: who else wants the lock
        :param name: of the case, which chance follows from
        """
        before = [
            (group, option, CONF[group][option])
            for group, option, _ in case.options
        ]
        self._configure(case.options)
        uuid = self._prepare(case)
        random.seed(name)
        # Who waits for its worker makes no statement in between, so the
        # statements have the same numbers in either order.
        waits = case.staged and not case.periodic
        self._eager = waits and random.random() < 0.5
        self._asked = 0
        seen = invariants.Journal(
            operation=case.name,
            staged=case.staged,
            periodic=case.periodic,
            before=self.observer.node(uuid),
        )
        self.server.part.begin(case.staged)
        self.server.begin(at, kind)
        self._invite(company, uuid)
        began = self.plan.now

        def request() -> None:
            error = case.error(self.service, self.context, uuid)
            seen.answer = invariants.Answer(
                error=error,
                changes=len(self.observer.states()),
                asked=self._asked,
                seconds=self.plan.now - began,
            )

        self._run(seen, 'request', request)
        self.server.end()
        seen.made = self.server.made
        seen.after = self.observer.node(uuid)
        seen.changes = len(self.observer.states())
        seen.records = len(self.observer.history())
        self.plan.sleep(_BETWEEN)
        self._go_on(uuid, seen)
        seen.end = self.observer.node(uuid)
        seen.states = self.observer.states()
        sent = self.notifier.sent
        if self.world is World.OUTBOX:
            sent = self.observer.stored()
        seen.told = observed.transitions(sent, uuid)
        seen.locks = list(self.locks.lines)
        seen.shared_locks = list(self.locks.violations)
        seen.said = [
            ('caller', str(seen.answer.error if seen.answer else None)),
            ('last_error', str(seen.after['last_error'])),
            ('last_error', str(seen.end['last_error'])),
            *(('history', text) for text in self.observer.history()),
            *(('log', line) for line in self.log.lines),
        ]
        self._configure(before)
        return seen

    def _prepare(self, case: cases.Case) -> str:
        """Put the node of a case into the database; forget the last case."""
        if case.name not in self._prepared:
            self.observer.restore(self._empty)
            fields = case.fields()
            fields['instance_info']['configdrive'] = invariants.CONFIG_DRIVE
            node = self.create_node(**fields)
            self._prepared[case.name] = (self.observer.copy(), node.uuid)
        copy, uuid = self._prepared[case.name]
        # The outbox is in it.
        self.observer.restore(copy)
        self.notifier.sent.clear()
        self.locks.begin()
        self.log.lines.clear()
        edges.forget_locks()
        return uuid

    def _configure(self, options: Iterable[tuple[str, str, Any]]) -> None:
        for group, option, value in options:
            self.config(group=group, **{option: value})

    def _invite(self, company: str, uuid: str) -> None:
        """Have the rivals come before a statement of the operation."""
        at, names = rivals.parsed(company)

        def before(number: int) -> None:
            for name in names if number == at else ():
                rival = functools.partial(
                    rivals.RIVALS[name],
                    self.context,
                    uuid,
                    self.locks,
                    self.plan.sleep,
                )
                self.plan.let(self.plan.start(name, rival, guest=True))

        self.server.before = before

    def _run(self, seen: invariants.Journal, name: str, function: Any) -> None:
        self.plan.start(name, function)
        seen.left.extend(self.plan.run(self.plan.now + _FOR_EVER))

    def _go_on(self, uuid: str, seen: invariants.Journal) -> None:
        """Let the passes look at the node; use it once more."""
        context, service = self.context, self.service

        def look() -> None:
            for method in _PASSES:
                if hasattr(service, method):
                    getattr(service, method)(context)

        def lock() -> None:
            how = {'retry': False, 'purpose': 'a second request'}
            try:
                task_manager.TaskManager(
                    context, uuid, **how
                ).release_resources()
            except Exception as e:
                seen.locked = e

        def operate() -> None:
            case = _fitting(self.observer.node(uuid)['provision_state'])
            if case is not None:
                case.error(service, context, uuid)

        self._run(seen, 'passes', look)
        self._run(seen, 'second', lock)
        self._run(seen, 'further', operate)


def _fitting(state: str) -> cases.Case | None:
    fitting = [
        case
        for case in cases.CASES
        if case.state == state and case.staged and not case.periodic
    ]
    fitting.sort(key=lambda case: case.operation not in _SHORT)
    return next(iter(fitting), None)


@contextlib.contextmanager
def prepared(installed: World) -> Iterator[FaultBench]:
    conductor = FaultBench(installed)
    try:
        conductor.setUp()
        yield conductor
    finally:
        conductor.doCleanups()
