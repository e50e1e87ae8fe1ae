# SPDX-License-Identifier: Apache-2.0
"""From what was measured to lines with verdicts; pure."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import statistics
from typing import Any

from ironic_async_events.tests.bench import figures
from ironic_async_events.tests.bench.figures import Line
from ironic_async_events.tests.bench.figures import Verdict
from ironic_async_events.tests.bench.rounds import FAILED

Figures = Mapping[str, Any]
Rounds = Sequence[Figures]

STOCK = 'stock'
OTHERS = ('plugin', 'outbox')

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
# Milliseconds.
_STARTS = (
    ('ironic-conductor', 'ironic-conductor', 50.0),
    ('ironic-api', 'ironic-api', 50.0),
    ('preparation', 'ironic-api, up to its configuration', 5.0),
)
_MEMORY_LIMIT = 1.02
_BROKER_LIMIT = 0.2
_LOCK_LIMIT = 1.0
_WAYS = (('put_to_202', 'PUT to 202'), ('put_to_end', 'PUT to end'))


def _column(rounds: Rounds, side: str, name: str) -> list[float]:
    return [one[side][name] for one in rounds]


def _compared(rounds: Rounds, side: str, name: str) -> figures.Spread | None:
    """Return a ratio to stock; None where stock's values allow none."""
    stock = _column(rounds, STOCK, name)
    if min(stock) <= 0:
        return None
    return figures.ratios(_column(rounds, side, name), stock)


def load(found: Figures) -> Iterator[Line]:
    """Judge rates, times, CPU and notifications."""
    for backend, one in found.items():
        for clients, rounds in one['clients'].items():
            where = f'{backend}; clients: {clients}'
            for side in OTHERS:
                done = [
                    one
                    for one in rounds
                    if FAILED not in one[side] and FAILED not in one[STOCK]
                ]
                if len(done) < len(rounds):
                    yield _failed(where, side, rounds)
                if done:
                    yield from _round_lines(where, side, done)
        for side in OTHERS:
            yield _notifications(backend, side, one['notifications'])


def _round_lines(where: str, side: str, rounds: Rounds) -> Iterator[Line]:
    cpu = _compared(rounds, side, _CPU)
    assert cpu is not None, 'nothing runs without CPU'
    for name, title, limit, hold in _TIMES:
        ratio = _compared(rounds, side, name)
        limit_text = (
            f'at {"least" if hold is figures.at_least else "most"} {limit:.2f}'
        )
        added = figures.differences(
            _column(rounds, side, name), _column(rounds, STOCK, name)
        )
        more = '' if name == 'rate' else f'; {added.middle * 1e3:+.1f} ms'
        if ratio is None:
            # What may begin after it has ended has no ratio.
            yield Line(
                title,
                where,
                side,
                f'{_ms(added)} ms more; stock has ended before',
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


def _failed(where: str, side: str, rounds: Rounds) -> Line:
    own, stock = (
        sum(FAILED in one[who] for one in rounds) for who in (side, STOCK)
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


def _ms(found: figures.Spread) -> str:
    return figures.Spread(
        found.middle * 1e3, found.low * 1e3, found.high * 1e3, found.rounds
    ).text(1)


def _notifications(backend: str, side: str, all_: Figures) -> Line:
    def wrong(one: Mapping[str, int]) -> int:
        return one['lost'] + one['out_of_order'] + one['illegal']

    return Line(
        'lost, out of order or illegal notifications',
        backend,
        side,
        f'{wrong(all_[side])} of {all_[side]["expected"]}; '
        f'stock {wrong(all_[STOCK])} of {all_[STOCK]["expected"]}',
        '0',
        figures.within(wrong(all_[side]), 0),
        'count',
    )


def kinds(counts: Mapping[str, int]) -> dict[str, int]:
    """Add up the counts of statements over tables.

    :param counts: kind and table -> count.
    :returns: kind -> count.
    """
    found: dict[str, int] = {}
    for what, number in counts.items():
        kind = what.partition(' ')[0]
        found[kind] = found.get(kind, 0) + number
    return found


def statements(found: Figures) -> Iterator[Line]:
    """Judge the counts of statements: not one more than stock."""
    for backend, sides in found.items():
        stock = kinds(sides[STOCK]['by_operations'])
        for side in OTHERS:
            one = sides[side]
            own = kinds(one['by_operations'])
            for kind in sorted(own.keys() | stock.keys()):
                yield _kind_line(
                    backend,
                    side,
                    kind,
                    own.get(kind, 0) / one['operations'],
                    stock.get(kind, 0) / sides[STOCK]['operations'],
                    one['transitions'] / one['operations'],
                )


def _kind_line(
    backend: str,
    side: str,
    kind: str,
    own: float,
    stock: float,
    transitions: float,
) -> Line:
    may = stock
    limit = 'as stock'
    if side == 'outbox' and kind == 'INSERT':
        may += transitions
        limit = f'one more for each transition: {may:.2f}'
    return Line(
        f'{kind} per operation',
        backend,
        side,
        f'{own:.2f}; stock {stock:.2f}',
        limit,
        figures.within(own, may + 1e-9),
        'count',
    )


def startup(found: Figures) -> Iterator[Line]:
    """Judge what is added to the time of a start."""
    for part, title, limit in _STARTS:
        for side in OTHERS:
            wall, cpu = (
                figures.differences(
                    _column(found[part], side, name),
                    _column(found[part], STOCK, name),
                )
                for name in ('seconds', 'cpu')
            )
            verdict = figures.at_most(wall, limit / 1e3)
            by, shown = 'wall clock', wall
            if verdict is Verdict.UNDECIDED:
                verdict = figures.at_most(cpu, limit / 1e3)
                by, shown = 'CPU seconds', cpu
            yield Line(
                f'start of {title}',
                'MariaDB, RabbitMQ',
                side,
                f'{_ms(shown)} ms more',
                f'at most {limit:.0f} ms more',
                verdict,
                by,
            )


def memory(found: Figures) -> Iterator[Line]:
    """Judge memory with operations that run, and after many of them."""
    rounds = found['running']
    for side in OTHERS:
        ratio = _compared(rounds, side, 'during')
        assert ratio is not None, 'nothing runs without memory'
        each = {
            name: statistics.median(
                (one[name]['during'] - one[name]['before'])
                / one[name]['operations']
                / 1024
                for one in rounds
            )
            for name in (side, STOCK)
        }
        number = rounds[0][side]['operations']
        yield Line(
            f'memory with {number} operations running',
            'MariaDB, RabbitMQ',
            side,
            f'{ratio.text(3)}; {each[side]:.0f} KiB for each, '
            f'stock {each[STOCK]:.0f}',
            f'at most {_MEMORY_LIMIT:.2f}',
            figures.within(ratio.middle, _MEMORY_LIMIT),
            'allocated memory',
            ratio,
        )
    for side in OTHERS:
        yield _grown(side, found['churn'])


def _grown(side: str, churn: Figures) -> Line:
    """Compare the middle with the end: the beginning fills caches."""
    grown = {}
    for name in (side, STOCK):
        samples = churn[name]
        half = samples[len(samples) // 2 - 1][1]
        grown[name] = samples[-1][1] / half
    operations = churn[side][-1][0]
    # What stock grows by is not the plugin's.
    limit = _MEMORY_LIMIT * max(1.0, grown[STOCK])
    return Line(
        f'growth of memory in the second half of {operations} operations',
        'MariaDB, RabbitMQ',
        side,
        f'{grown[side]:.3f}; stock {grown[STOCK]:.3f}',
        f'at most {limit:.2f}',
        figures.within(grown[side], limit),
        'allocated memory',
    )


def locks(found: Figures) -> Iterator[Line]:
    """Judge the share of the snapshot in taking a lock."""
    for backend, nodes in found.items():
        for one in nodes:
            share = figures.spread(one['shares'])
            yield Line(
                'snapshot, in percent of taking the lock',
                f'{backend.partition(",")[0]}; {one["node"]}',
                'plugin',
                f'{share.text()}; {one["snapshot"] * 1e6:.0f} us',
                f'below {_LOCK_LIMIT:.0f}',
                figures.at_most(share, _LOCK_LIMIT),
                'wall clock',
            )


def trouble(found: Figures) -> Iterator[Line]:
    """Judge times while the broker is slow or down."""
    for state in ('slow', 'down'):
        for side in OTHERS:
            for name, title in _WAYS:
                # The worker announces: it waits, unless there is an outbox.
                must = side == 'outbox' or name == 'put_to_202'
                yield _trouble_line(found, state, side, name, title, must)


def _trouble_line(
    found: Figures, state: str, side: str, name: str, title: str, must: bool
) -> Line:
    def later(who: str) -> list[float | None]:
        late = []
        for one in found['rounds']:
            healthy = _middle(one[who]['healthy'][name])
            now = _middle(one[who][state][name])
            late.append(
                None if now is None or healthy is None else now - healthy
            )
        return late

    def words(late: Iterable[float | None]) -> str:
        ended = [one for one in late if one is not None]
        if not ended:
            return f'none within {found["down_seconds"]:.0f} s'
        return f'{_ms(figures.spread(ended))} ms'

    own = later(side)
    ended = [one for one in own if one is not None]
    verdict = Verdict.MISSED
    if len(ended) == len(own):
        late = figures.spread(ended)
        verdict = figures.within(late.middle, _BROKER_LIMIT)
    return Line(
        f'{title}: later than with a healthy broker',
        f'broker {state}',
        side,
        f'{words(own)}; stock {words(later(STOCK))}',
        f'at most {_BROKER_LIMIT * 1e3:.0f} ms' if must else 'reported',
        verdict if must else Verdict.REPORTED,
        'wall clock',
    )


def _middle(values: Sequence[float | None]) -> float | None:
    """Return the median; None if one of them never came."""
    came = [one for one in values if one is not None]
    return statistics.median(came) if len(came) == len(values) else None


def growth(found: Figures) -> Iterator[Line]:
    """Judge how an operation grows with the nodes in the database."""
    sizes = list(found)
    first, last = found[sizes[0]], found[sizes[-1]]
    where = f'{sizes[0]} to {sizes[-1]} nodes'
    for side in OTHERS:
        for name, title in (
            ('statements_per_op', 'statements per operation'),
            (_CPU, "conductor's CPU seconds per operation"),
            ('put_to_202_p50', 'PUT to 202, p50'),
            ('put_to_end_p50', 'PUT to end, p50'),
        ):
            own, stock = (
                figures.ratios(
                    _column(last, who, name), _column(first, who, name)
                )
                for who in (side, STOCK)
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


JUDGES: Mapping[str, Callable[[Figures], Iterator[Line]]] = {
    'load': load,
    'statements': statements,
    'startup': startup,
    'memory': memory,
    'locks': locks,
    'trouble': trouble,
    'growth': growth,
}
"""Figure -> what makes lines of it, in the order of the report."""


def lines(measured: Figures) -> list[Line]:
    """Judge everything that was measured.

    :param measured: figure -> what its module returned.
    """
    return [
        line
        for name, judge in JUDGES.items()
        if name in measured
        for line in judge(measured[name])
    ]
