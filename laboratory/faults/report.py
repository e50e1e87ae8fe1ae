# SPDX-License-Identifier: Apache-2.0
"""The table of a sweep, and all about one case."""

import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

from laboratory.faults import invariants
from laboratory.faults import journal
from laboratory.faults import rivals
from laboratory.faults import sweep

_COLUMNS = ('statements', 'cases', *invariants.CLAIMS, 'broken')
_WIDTH = 10


def lines(report: sweep.Report) -> Iterator[str]:
    """Yield the table, by operation and by fault.

    A number below an invariant counts the cases that broke it; the last
    column counts the cases that broke any.

    :param report: what the sweep has found
    """
    results, operations = report.results, report.operations
    made = {f'{one.name}, {one.world}': len(one.made) for one in operations}
    width = max(map(len, made), default=0)
    yield _line('operation', _COLUMNS, width)
    by_operation = _grouped(
        results, lambda point: f'{point.operation}, {point.world}'
    )
    for name, statements in made.items():
        group = by_operation.get(name, [])
        yield _line(name, (statements, *_counts(group)), width)
    yield _line('sum', (sum(made.values()), *_counts(results)), width)
    yield ''
    yield _line('fault', ('', *_COLUMNS[1:]), width)
    for kind, group in _grouped(results, lambda point: point.kind).items():
        yield _line(kind, ('', *_counts(group)), width)


def _grouped(
    results: list[sweep.Result], key: Callable[[sweep.Point], str]
) -> dict[str, list[sweep.Result]]:
    groups: dict[str, list[sweep.Result]] = collections.defaultdict(list)
    for result in results:
        groups[key(result.point)].append(result)
    return groups


def _counts(results: list[sweep.Result]) -> tuple[int, ...]:
    broken = collections.Counter(
        name
        for result in results
        for name in {name for name, _ in result.violations}
    )
    return (
        len(results),
        *(broken[name] for name in invariants.CLAIMS),
        sum(bool(result.violations) for result in results),
    )


def _line(name: str, values: Iterable[object], width: int) -> str:
    return f'{name:{width}}' + ''.join(f'{v!s:>{_WIDTH}}' for v in values)


def show(point: sweep.Point, seen: journal.Journal) -> bool:
    """Print what happened in a case.

    :param point: the case
    :param seen: what happened
    :returns: whether nothing is broken
    """
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
    answer = seen.answer
    if answer is not None:
        print(
            f'answer after {answer.seconds:.1f} s, {answer.changes} changes '
            f'of the state, {answer.asked} workers: {answer.error!r}'
        )
    _list('locks', seen.locks)
    _list('committed', [f'{old} -> {new}' for old, new in seen.states])
    _list('told', [f'{event}: {a} -> {b}' for a, event, b in seen.told])
    _list('said', [f'{where}: {text}' for where, text in seen.said])
    violations = invariants.check(seen)
    _list('broken', [f'{name}: {text}' for name, text in violations])
    return not violations


def _list(title: str, lines: list[str]) -> None:
    print(f'{title}:')
    for line in lines or ['nothing']:
        print(f'    {line}')
