# SPDX-License-Identifier: Apache-2.0
"""Tells all about one case."""

from laboratory.faults import invariants
from laboratory.faults import journal
from laboratory.faults import rivals
from laboratory.faults import sweep


def show(point: sweep.Point, seen: journal.Journal) -> bool:
    """Print what happened in a case.

    :param point: the case
    :param seen: what happened
    :returns: whether nothing is broken
    """
    company = None
    if point.company:
        company = rivals.Company.parse(point.company)
    for number, made in enumerate(seen.made):
        mark = ''
        if point.kind and number == point.at:
            mark += f'  <-- {point.kind}'
        if company is not None and number == company.at:
            mark += f'  <-- {" and ".join(company.names)}'
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
