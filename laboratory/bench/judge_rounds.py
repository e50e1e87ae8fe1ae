# SPDX-License-Identifier: Apache-2.0
"""Verdicts on rounds under load, and on more and more nodes; pure."""

from collections.abc import Iterator
from collections.abc import Mapping

from laboratory.bench import compared
from laboratory.bench import figures
from laboratory.bench.figures import Line
from laboratory.bench.figures import Verdict
from laboratory.bench.rounds import FAILED

# What is measured in each round -> how it is called, what its ratio must be,
# and whether that is the most or the least.
_TIMES = (
    ('rate', 'operations per second', 1.00, figures.at_least),
    ('put_to_202_p50', 'PUT to 202, p50', 1.00, figures.at_most),
    ('put_to_202_p99', 'PUT to 202, p99', 1.00, figures.at_most),
    ('202_to_end_p50', '202 to end, p50', 1.05, figures.at_most),
    ('202_to_end_p99', '202 to end, p99', 1.05, figures.at_most),
    ('put_to_end_p50', 'PUT to end, p50', 1.05, figures.at_most),
    ('put_to_end_p99', 'PUT to end, p99', 1.05, figures.at_most),
)
_CPU = 'conductor_cpu_per_op'


def load(found: compared.Figures) -> Iterator[Line]:
    """Judge rates, times, CPU and notifications."""
    for backend, one in found.items():
        for clients, rounds in one['clients'].items():
            where = f'{backend}; clients: {clients}'
            for side in compared.OTHERS:
                done = [
                    each
                    for each in rounds
                    if FAILED not in each[side]
                    and FAILED not in each[compared.STOCK]
                ]
                if len(done) < len(rounds):
                    yield _failed(where, side, rounds)
                if done:
                    yield from _round_lines(where, side, done)
        for side in compared.OTHERS:
            yield _notifications(backend, side, one['notifications'])


def _round_lines(
    where: str, side: str, rounds: compared.Rounds
) -> Iterator[Line]:
    cpu = compared.ratio(rounds, side, _CPU)
    assert cpu is not None, 'nothing runs without CPU'
    for name, title, limit, hold in _TIMES:
        ratio = compared.ratio(rounds, side, name)
        limit_text = (
            f'at {"least" if hold is figures.at_least else "most"} {limit:.2f}'
        )
        added = compared.added(rounds, side, name)
        more = '' if name == 'rate' else f'; {added.middle * 1e3:+.1f} ms'
        if ratio is None:
            # What may begin after it has ended has no ratio.
            yield Line(
                title,
                where,
                side,
                f'{compared.milliseconds(added)} ms more; '
                f'stock has ended before',
                limit_text,
                Verdict.REPORTED,
                'wall clock',
            )
            continue
        verdict, by = figures.decided(hold(ratio, limit), cpu)
        yield Line(
            title,
            where,
            side,
            ratio.text() + more,
            limit_text,
            verdict,
            by,
            ratio,
        )
    yield Line(
        "conductor's CPU seconds per operation",
        where,
        side,
        cpu.text(),
        f'at most {figures.CPU_LIMIT:.2f}',
        figures.at_most(cpu, figures.CPU_LIMIT),
        'CPU seconds',
        cpu,
    )


def _failed(where: str, side: str, rounds: compared.Rounds) -> Line:
    own, stock = (
        sum(FAILED in one[who] for one in rounds)
        for who in (side, compared.STOCK)
    )
    return Line(
        'rounds in which an operation failed',
        where,
        side,
        f'{own} of {len(rounds)}; stock {stock}',
        'as stock',
        figures.within(own, stock),
        'count',
    )


def _notifications(backend: str, side: str, all_: compared.Figures) -> Line:
    def wrong(one: Mapping[str, int]) -> int:
        return one['lost'] + one['out_of_order'] + one['illegal']

    own, stock = all_[side], all_[compared.STOCK]
    return Line(
        'lost, out of order or illegal notifications',
        backend,
        side,
        f'{wrong(own)} of {own["expected"]}; '
        f'stock {wrong(stock)} of {stock["expected"]}',
        '0',
        figures.within(wrong(own), 0),
        'count',
    )


def growth(found: compared.Figures) -> Iterator[Line]:
    """Judge how an operation grows with the nodes in the database."""
    sizes = list(found)
    first, last = found[sizes[0]], found[sizes[-1]]
    where = f'{sizes[0]} to {sizes[-1]} nodes'
    for side in compared.OTHERS:
        for name, title in (
            ('statements_per_op', 'statements per operation'),
            (_CPU, "conductor's CPU seconds per operation"),
            ('put_to_202_p50', 'PUT to 202, p50'),
            ('put_to_end_p50', 'PUT to end, p50'),
        ):
            own, stock = (
                figures.ratios(
                    compared.column(last, who, name),
                    compared.column(first, who, name),
                )
                for who in (side, compared.STOCK)
            )
            # Its growth is not above what stock's may be.
            may = max(1.0, stock.high)
            verdict = figures.at_most(own, may)
            if name == 'statements_per_op' or own.middle <= may:
                verdict = figures.within(own.middle, may)
            yield Line(
                f'growth of {title}',
                where,
                side,
                f'{own.text()}; stock {stock.text()}',
                'flat, or as stock',
                verdict,
                'count' if name == 'statements_per_op' else 'spread',
                own,
            )
