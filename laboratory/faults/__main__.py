# SPDX-License-Identifier: Apache-2.0
"""Sweep and print the table; the exit status is 0 if nothing is broken."""

import argparse
import collections
import itertools
import os
import sys

# Ironic's test cases end themselves after a while; a sweep takes longer.
os.environ['BASE_TEST_TIMEOUT'] = '0'

from ironic_async_events.patching import patched
from laboratory import command
from laboratory import tables
from laboratory.faults import bench
from laboratory.faults import database
from laboratory.faults import invariants
from laboratory.faults import rivals
from laboratory.faults import sweep


def _arguments() -> argparse.Namespace:
    parser = command.parser(
        'faults',
        __doc__,
        case=(str, 'the id of one case: run it and tell all about it'),
        operation=('', 'only operations whose name begins so'),
        sample=(int, 'how many cases that are not of the hand-over'),
        seed=(0, 'of the sample'),
        jobs=(1, 'how many processes'),
        verbose=(False, 'name what is broken'),
    )
    usual = ['patched'] if patched.is_patched() else ['without', 'with']
    every = [each.value for each in bench.World]
    parser.add_argument('--world', nargs='+', choices=every, default=usual)
    return parser.parse_args()


def _show_tables(report: sweep.Report) -> None:
    """Print the cases by operation and by fault.

    A number below an invariant counts the cases that broke it; the last
    column counts the cases that broke any.
    """
    columns = ('cases', *invariants.NAMES, 'broken')
    table = tables.Table('operation', 'outbox', 'statements', *columns)
    for one in report.operations:
        counts = _counts(report, operation=one.name, world=one.world)
        table.add(one.name, one.world, len(one.made), *counts)
    made = sum(len(operation.made) for operation in report.operations)
    table.add('sum', '', made, *_counts(report))
    table.show()
    table = tables.Table('fault', *columns)
    for kind in ('', *database.KINDS):
        table.add(kind or 'rivals only', *_counts(report, kind=kind))
    table.show()


def _counts(report: sweep.Report, **which: str) -> list[int]:
    names = [
        dict(broken)
        for point, broken in report.results.items()
        if which.items() <= vars(point).items()
    ]
    counts = collections.Counter(itertools.chain(*names))
    broken = (counts[name] for name in invariants.NAMES)
    return [len(names), *broken, sum(map(bool, names))]


def _show_case(point: sweep.Point, seen: invariants.Journal) -> bool:
    """Print what happened in a case; tell whether nothing is broken."""
    at, names = rivals.parsed(point.company)
    for number, made in enumerate(seen.made):
        mark = ''
        if point.kind and number == point.at:
            mark += f'  <-- {point.kind}'
        if number == at:
            mark += f'  <-- {" and ".join(names)}'
        print(
            f'{number:4} {made.seconds:7.1f} s  {made.actor:12} '
            f'{made.part:8} {made.does.value:7} {made.text}{mark}'
        )
    if seen.answer is not None:
        print(
            f'answer after {seen.answer.seconds:.1f} s, '
            f'{seen.answer.changes} changes of the state, '
            f'{seen.answer.asked} workers: {seen.answer.error!r}'
        )
    broken = invariants.check(seen)
    for title, lines in (
        ('locks', seen.locks),
        ('committed', [f'{old} -> {new}' for old, new in seen.states]),
        ('told', [f'{event}: {a} -> {b}' for a, event, b in seen.told]),
        ('said', [f'{where}: {text}' for where, text in seen.said]),
        ('broken', [f'{name}: {text}' for name, text in broken]),
    ):
        print(f'{title}:', *(lines or ['nothing']), sep='\n    ')
    return not broken


def _sweep(arguments: argparse.Namespace) -> bool:
    report = sweep.sweep(
        arguments.jobs,
        list(map(bench.World, arguments.world)),
        arguments.operation,
        arguments.seed,
        arguments.sample,
    )
    _show_tables(report)
    for point, broken in report.results.items():
        if broken and arguments.verbose:
            print(point.id)
            for name, text in broken:
                print(f'    {name}: {text}')
    for operation in report.operations:
        for name, text in operation.broken:
            print(
                f'{operation.world}:{operation.name} without a fault: '
                f'{name}: {text}'
            )
    without = [operation.broken for operation in report.operations]
    return not any((*report.results.values(), *without))


def main() -> int:
    arguments = _arguments()
    sweep.quiet()
    if arguments.case is None:
        return 0 if _sweep(arguments) else 1
    point = sweep.Point.parse(arguments.case)
    with bench.prepared(bench.World(point.world)) as conductor:
        seen = sweep.look(conductor, point)
    return 0 if _show_case(point, seen) else 1


if __name__ == '__main__':
    sys.exit(main())
