# SPDX-License-Identifier: Apache-2.0
"""Which statement of which operation fails how, and what that breaks."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import logging
import multiprocessing
import random
import sys
from typing import Any
import warnings

from ironic.conductor import manager
from ironic.conductor import task_manager

from ironic_async_events.tests.unit.spawn_failures import cases
from laboratory.faults import bench
from laboratory.faults import database
from laboratory.faults import invariants
from laboratory.faults import rivals
from laboratory.guarantees import I5


def _task(**how: bool) -> cases.Request:
    def request(conductor: Any, context: Any, uuid: str) -> None:
        with task_manager.TaskManager(
            context, uuid, purpose='a task', load_driver=False, **how
        ):
            pass

    return request


_TASKS = tuple(
    cases.Case(name, 'active', 'heartbeat', _task(**how), staged=False)
    for name, how in (
        ('task once', {'retry': False}),
        ('task retries', {}),
        ('task patient', {'patient': True}),
    )
)
OPERATIONS = {
    case.name: case
    for case in (*cases.CASES, *_TASKS)
    if hasattr(manager.ConductorManager, case.method)
}
#: Rivals come to these operations in every run; an outbox makes no
#: difference to a task that only has the lock.
_CONTENDED = {
    'stock': (*(case.name for case in _TASKS), 'manage from enroll'),
    # Of its locks a patched Ironic promises nothing: a repair does.
    'patched': (),
    'without': (*(case.name for case in _TASKS), 'manage from enroll'),
    'with': ('manage from enroll',),
}
#: Rivals come so many statements after the one that fails.
_AFTER = range(1, 5)


@dataclasses.dataclass(frozen=True)
class Point:
    """A case: an operation, a statement, a fault if any, and rivals if any."""

    world: str
    operation: str
    at: int
    kind: str
    company: str = ''

    @property
    def id(self) -> str:
        """The case in one line, as ``--case`` takes it."""
        text = f'{self.world}:{self.operation}:{self.at}:{self.kind}'
        return f'{text}:{self.company}' if self.company else text

    @classmethod
    def parse(cls, text: str) -> 'Point':
        world, operation, at, kind, *company = text.split(':')
        return cls(world, operation, int(at), kind, ''.join(company))


@dataclasses.dataclass
class Operation:
    """An operation, its statements and what it breaks without a fault."""

    world: str
    name: str
    made: list[database.Made]
    broken: list[invariants.Violation]

    def points(self, hand_over: bool) -> Iterator[Point]:
        """Yield the cases of the hand-over, or all others.

        It is where the request becomes the worker's and saves the state, and
        where the lock is given back.
        """
        for at, made in enumerate(self.made):
            if (made.part in ('save', 'release')) is hand_over:
                yield from self._faults(at)

    def _faults(self, at: int, company: str = '') -> Iterator[Point]:
        for kind in database.KINDS.values():
            if self.made[at].does in kind.of:
                yield Point(self.world, self.name, at, kind.name, company)

    def contended(self) -> Iterator[Point]:
        """Yield the cases with rivals, where the lock is taken or released.

        Rivals come at every statement; and when a statement fails, at each
        of those around it.
        """
        for part in ('lock', 'release'):
            window = [
                at for at, made in enumerate(self.made) if made.part == part
            ]
            stops = {n + more for n in window for more in (0, *_AFTER)}
            for stop in sorted(stops):
                for names in rivals.COMPANIES:
                    company = rivals.company(stop, names)
                    yield Point(self.world, self.name, 0, '', company)
            for at in window:
                reads = self.made[at].does is database.READ
                for stop in (at, *(at + n for n in _AFTER)):
                    for names in rivals.COMPANIES[: 3 if reads else None]:
                        yield from self._faults(
                            at, rivals.company(stop, names)
                        )


@dataclasses.dataclass
class Report:
    """What a sweep has seen of the operations, and what each case broke."""

    operations: list[Operation]
    results: dict[Point, list[invariants.Violation]]


def survey(
    conductor: bench.FaultBench, names: Iterable[str] = OPERATIONS
) -> list[Operation]:
    """Let operations run without a fault, to know their statements."""
    surveyed = []
    for name in names:
        seen = conductor.run_case(OPERATIONS[name])
        broken = invariants.check(seen)
        surveyed.append(
            Operation(conductor.world.value, name, seen.made, broken)
        )
    return surveyed


def choose(
    operations: Sequence[Operation], seed: int, sample: int | None
) -> list[Point]:
    """Choose cases: those of the hand-over always, of the others a sample."""
    chosen = [each for one in operations for each in one.points(True)]
    others = [each for one in operations for each in one.points(False)]
    for operation in operations:
        if operation.name in _CONTENDED[operation.world]:
            chosen.extend(operation.contended())
    if sample is not None and sample < len(others):
        others = random.Random(seed).sample(others, sample)
    return chosen + others


def look(conductor: bench.FaultBench, point: Point) -> invariants.Journal:
    return conductor.run_case(
        OPERATIONS[point.operation],
        point.at,
        database.KINDS.get(point.kind),
        point.company,
        point.id,
    )


def run(
    conductor: bench.FaultBench, point: Point
) -> list[invariants.Violation]:
    """Run a case and return what it has broken.

    On a patched Ironic the statements that take and release a lock are
    Ironic's own. When the database fails, the lock can stay, as on stock, and
    a later request may wait for it. No other thread may hang.
    """
    seen = look(conductor, point)
    as_stock = (
        conductor.world is bench.World.PATCHED
        and seen.end['reservation'] is not None
        and set(seen.left) <= {'further'}
    )
    return [
        (name, text)
        for name, text in invariants.check(seen)
        if not (as_stock and name == I5.id)
    ]


def work(
    worlds: Sequence[bench.World],
    operation: str,
    seed: int,
    sample: int | None,
    share: int,
    of: int,
) -> Report:
    """Run a share of the cases, in the main thread of a process."""
    names = [name for name in OPERATIONS if name.startswith(operation)]
    report = Report([], {})
    for installed in worlds:
        with bench.prepared(installed) as conductor:
            operations = survey(conductor, names)
            report.operations.extend(operations)
            for point in choose(operations, seed, sample)[share::of]:
                report.results[point] = run(conductor, point)
    return report


def quiet() -> None:
    """Let Ironic's fixtures and logs say nothing in this process."""
    warnings.showwarning = lambda *args, **kwargs: None
    logging.disable()
    # What Ironic puts there writes to a log that only the sweep reads.
    sys.excepthook = sys.__excepthook__


def sweep(count: int, *what: Any) -> Report:
    """Run the cases in some processes; see :func:`work`."""
    if count == 1:
        return work(*what, 0, 1)
    with futures.ProcessPoolExecutor(
        count, multiprocessing.get_context('spawn'), quiet
    ) as pool:
        running = [
            pool.submit(work, *what, each, count) for each in range(count)
        ]
        first, *others = (each.result() for each in running)
    for report in others:
        first.results.update(report.results)
    return first
