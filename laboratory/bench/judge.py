# SPDX-License-Identifier: Apache-2.0
"""From what was measured to lines with verdicts; pure."""

import collections
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import statistics

from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import load as loads
from laboratory.bench.figures import OTHERS
from laboratory.bench.figures import STOCK
from laboratory.bench.figures import Limit
from laboratory.bench.figures import Line
from laboratory.bench.figures import Verdict

_MARIADB, _SQLITE = forms.MARIADB.name, forms.SQLITE.name
_CPU = 'conductor_cpu_per_op'
_CPU_LIMIT = 1.02

TITLES = {
    'rate': 'operations per second',
    _CPU: "conductor's CPU seconds per operation",
    'put_to_202_mean': 'PUT to 202, mean',
    'put_to_202_p50': 'PUT to 202, p50',
    'put_to_202_p99': 'PUT to 202, p99',
    '202_to_end_p50': '202 to end, p50',
    '202_to_end_p99': '202 to end, p99',
    'put_to_end_p50': 'PUT to end, p50',
    'put_to_end_p99': 'PUT to end, p99',
}
"""Figure of a round -> how it is called."""


def _least(median: float, interval: float | None = None) -> Limit:
    return Limit(median, interval, least=True)


_ALL = ('1', '8', '32')
_LIMITS: Sequence[
    tuple[str, str, Sequence[str], Limit | None, Limit | None]
] = (
    # figure, backend, clients, the plugin's limit, the outbox's; None: it is
    # reported.
    ('rate', _MARIADB, ('1', '8'), _least(1.12, 1.0), _least(1.05, 0.97)),
    ('rate', _MARIADB, ('32',), _least(1.05), _least(1.0)),
    ('rate', _SQLITE, ('1', '8'), _least(1.05), _least(1.0)),
    (_CPU, _MARIADB, _ALL, Limit(0.82), Limit(0.92)),
    (_CPU, _SQLITE, _ALL, Limit(0.85), Limit(0.95)),
    ('put_to_202_p50', _MARIADB, _ALL, Limit(0.90), Limit(0.95)),
    ('put_to_202_p99', _MARIADB, _ALL, Limit(1.00), Limit(1.05)),
    ('put_to_202_mean', _SQLITE, ('8',), Limit(0.95), Limit(1.00)),
    ('put_to_202_p50', _SQLITE, ('8',), None, None),
    ('put_to_202_p99', _SQLITE, ('8',), Limit(0.50), Limit(0.60)),
    ('put_to_end_p50', _MARIADB, _ALL, Limit(0.95), Limit(1.00)),
    ('put_to_end_p99', _MARIADB, _ALL, Limit(1.00), Limit(1.05)),
    ('put_to_end_p50', _SQLITE, _ALL, Limit(0.95), Limit(1.00)),
    ('put_to_end_p99', _SQLITE, _ALL, Limit(1.00), Limit(1.05)),
)
# Everywhere else the whole interval is held against these; where it contains
# the limit, times cannot decide, and the CPU seconds do.
_ELSEWHERE = {
    'rate': Limit(1.00, least=True, whole=True),
    'put_to_202_p50': Limit(1.00, whole=True),
    'put_to_202_p99': Limit(1.00, whole=True),
    '202_to_end_p50': Limit(1.05, whole=True),
    '202_to_end_p99': Limit(1.05, whole=True),
    'put_to_end_p50': Limit(1.05, whole=True),
    'put_to_end_p99': Limit(1.05, whole=True),
    _CPU: Limit(_CPU_LIMIT, whole=True),
}

# Part of a start -> how it is called, and the milliseconds it may take more.
_STARTS = {
    'ironic-conductor': ('ironic-conductor', 50.0),
    'ironic-api': ('ironic-api', 50.0),
    'preparation': ('ironic-api, up to its configuration', 5.0),
}
_TRANSACTIONS = 'COMMIT and ROLLBACK'
_SELECTS = 22.0
_MEMORY_LIMIT = 1.02
_LOCK_LIMIT = 1.0
_BROKER_LIMIT = 0.2


def load(measured: figures.Figures) -> Iterator[Line]:
    """Judge rates, times, CPU and notifications."""
    for backend, both in measured.items():
        for clients, rounds in both['clients'].items():
            for side in OTHERS:
                done = [
                    each
                    for each in rounds
                    if loads.FAILED not in each[side]
                    and loads.FAILED not in each[STOCK]
                ]
                if len(done) < len(rounds):
                    where = f'{backend}; clients: {clients}'
                    yield _failed(where, side, rounds)
                if done:
                    for name in TITLES:
                        yield _round(name, backend, clients, side, done)
        for side in OTHERS:
            yield _notifications(backend, side, both['notifications'])


def _limit(name: str, backend: str, clients: str, side: str) -> Limit | None:
    """Return the limit of a figure; None where it is only reported."""
    for figure, where, numbers, *limits in _LIMITS:
        if figure == name and where == backend and clients in numbers:
            return limits[OTHERS.index(side)]
    return _ELSEWHERE.get(name)


def _round(
    name: str, backend: str, clients: str, side: str, rounds: figures.Rounds
) -> Line:
    limit = _limit(name, backend, clients, side)
    by = 'CPU seconds' if name == _CPU else 'wall clock'
    verdict, ratio = Verdict.REPORTED, None
    added = figures.added(rounds, side, name)
    found = f'{added.text(1, 1e3)} ms more; stock has ended before'
    # What may begin after it has ended has no ratio.
    if min(figures.column(rounds, STOCK, name)) > 0:
        ratio = figures.ratio(rounds, side, name)
        found = ratio.text()
        if name not in ('rate', _CPU):
            found += f'; {added.middle * 1e3:+.1f} ms'
        if limit is not None:
            verdict = limit.hold(ratio)
            if limit.whole and verdict is Verdict.UNDECIDED:
                cpu = figures.ratio(rounds, side, _CPU)
                verdict, by = figures.at_most(cpu, _CPU_LIMIT), 'CPU seconds'
    return Line(
        TITLES[name],
        f'{backend}; clients: {clients}',
        side,
        found,
        str(limit or 'reported'),
        verdict,
        by,
        ratio,
    )


def _failed(where: str, side: str, rounds: figures.Rounds) -> Line:
    own, stock = (
        sum(loads.FAILED in each[who] for each in rounds)
        for who in (side, STOCK)
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


def _notifications(backend: str, side: str, all_: figures.Figures) -> Line:
    def wrong(books: Mapping[str, int]) -> int:
        return books['lost'] + books['out_of_order'] + books['illegal']

    own, stock = all_[side], all_[STOCK]
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


def statements(measured: figures.Figures) -> Iterator[Line]:
    """Judge the counts of statements and transactions."""
    for backend, sides in measured.items():
        stock = _kinds(sides[STOCK])
        for side in OTHERS:
            own = _kinds(sides[side])
            for kind in sorted(own.keys() | stock.keys()):
                may, limit = stock[kind] + 1e-9, 'as stock'
                if kind == 'SELECT':
                    may, limit = _SELECTS, f'at most {_SELECTS:.0f}'
                elif kind == _TRANSACTIONS:
                    may, limit = stock[kind] - 1e-9, 'fewer than stock'
                elif side == 'outbox' and kind == 'INSERT':
                    done = sides[side]
                    may += done['transitions'] / done['operations']
                    limit = f'one more for each transition: {may:.2f}'
                yield Line(
                    f'{kind} per operation',
                    backend,
                    side,
                    f'{own[kind]:.2f}; stock {stock[kind]:.2f}',
                    limit,
                    figures.within(own[kind], may),
                    'count',
                )


def _kinds(side: figures.Figures) -> collections.Counter[str]:
    """Add up the counts of statements over tables, for each operation."""
    kinds: collections.Counter[str] = collections.Counter()
    for what, number in side['by_operations'].items():
        kind = what.partition(' ')[0]
        if kind in ('COMMIT', 'ROLLBACK'):
            kind = _TRANSACTIONS
        kinds[kind] += number / side['operations']
    return kinds


def startup(measured: figures.Figures) -> Iterator[Line]:
    """Judge what is added to the time of a start."""
    for part, (title, limit) in _STARTS.items():
        parts = measured[part]
        for side in OTHERS:
            by, added = 'wall clock', figures.added(parts, side, 'seconds')
            if figures.at_most(added, limit / 1e3) is Verdict.UNDECIDED:
                by, added = 'CPU seconds', figures.added(parts, side, 'cpu')
            yield Line(
                f'start of {title}',
                _MARIADB,
                side,
                f'{added.text(1, 1e3)} ms more',
                f'at most {limit:.0f} ms more',
                figures.at_most(added, limit / 1e3),
                by,
            )


def memory(measured: figures.Figures) -> Iterator[Line]:
    """Judge memory with operations that run, and after many of them."""
    rounds, churn = measured['running'], measured['churn']
    grown = {}
    for name, samples in churn.items():
        # The middle with the end: the beginning fills caches.
        grown[name] = samples[-1][1] / samples[len(samples) // 2 - 1][1]
    for side in OTHERS:
        ratio = figures.ratio(rounds, side, 'during')
        each = {
            name: statistics.median(
                (one[name]['during'] - one[name]['before'])
                / one[name]['operations']
                / 1024
                for one in rounds
            )
            for name in (side, STOCK)
        }
        yield Line(
            f'memory with {rounds[0][side]["operations"]} operations running',
            _MARIADB,
            side,
            f'{ratio.text(3)}; {each[side]:.0f} KiB for each, '
            f'stock {each[STOCK]:.0f}',
            f'at most {_MEMORY_LIMIT:.2f}',
            figures.within(ratio.middle, _MEMORY_LIMIT),
            'allocated memory',
            ratio,
        )
        # What stock grows by is not the plugin's.
        limit = _MEMORY_LIMIT * max(1.0, grown[STOCK])
        yield Line(
            f'growth of memory in the second half of {churn[side][-1][0]} '
            f'operations',
            _MARIADB,
            side,
            f'{grown[side]:.3f}; stock {grown[STOCK]:.3f}',
            f'at most {limit:.2f}',
            figures.within(grown[side], limit),
            'allocated memory',
        )


def spawns(measured: figures.Figures) -> Iterator[Line]:
    """Judge the CPU time of operations without a driver."""
    for backend, rounds in measured.items():
        ratio = figures.ratio(rounds, 'plugin', 'cpu')
        added = figures.added(rounds, 'plugin', 'cpu')
        yield Line(
            'CPU seconds of lock, worker and two states',
            backend.partition(',')[0],
            'plugin',
            f'{ratio.text(3)}; {added.middle * 1e3:+.2f} ms',
            f'at most {_CPU_LIMIT:.2f}',
            figures.at_most(ratio, _CPU_LIMIT),
            'CPU seconds',
            ratio,
        )


def locks(measured: figures.Figures) -> Iterator[Line]:
    """Judge the share of the snapshot in taking a lock."""
    for backend, nodes in measured.items():
        for node in nodes:
            share = figures.spread(node['shares'])
            yield Line(
                'snapshot, in percent of taking the lock',
                f'{backend.partition(",")[0]}; {node["node"]}',
                'plugin',
                f'{share.text()}; {node["snapshot"] * 1e6:.0f} us',
                f'below {_LOCK_LIMIT:.0f}',
                figures.at_most(share, _LOCK_LIMIT),
                'wall clock',
            )


def trouble(measured: figures.Figures) -> Iterator[Line]:
    """Judge times while the broker is slow or down."""
    ways = (('put_to_202', 'PUT to 202'), ('put_to_end', 'PUT to end'))
    for state in ('slow', 'down'):
        for side in OTHERS:
            for name, title in ways:
                # The worker announces: it waits, unless there is an outbox.
                must = side == 'outbox' or name == 'put_to_202'
                own, stock = (
                    _later(measured['rounds'], who, state, name)
                    for who in (side, STOCK)
                )
                verdict = Verdict.MISSED
                if len(own) == len(measured['rounds']):
                    late = statistics.median(own)
                    verdict = figures.within(late, _BROKER_LIMIT)
                yield Line(
                    f'{title}: later than with a healthy broker',
                    f'broker {state}',
                    side,
                    '; stock '.join(
                        f'{figures.spread(late).text(1, 1e3)} ms'
                        if late
                        else f'none within {measured["down_seconds"]:.0f} s'
                        for late in (own, stock)
                    ),
                    f'at most {_BROKER_LIMIT * 1e3:.0f} ms'
                    if must
                    else 'reported',
                    verdict if must else Verdict.REPORTED,
                    'wall clock',
                )


def _later(
    rounds: figures.Rounds, side: str, state: str, name: str
) -> list[float]:
    """Return how much later than in health, of rounds in which all came."""
    late = []
    for each in rounds:
        healthy, now = (each[side][when][name] for when in ('healthy', state))
        if None not in (*healthy, *now):
            late.append(statistics.median(now) - statistics.median(healthy))
    return late


def growth(measured: figures.Figures) -> Iterator[Line]:
    """Judge how an operation grows with the nodes in the database."""
    titles = {'statements_per_op': 'statements per operation'} | {
        name: TITLES[name]
        for name in (_CPU, 'put_to_202_p50', 'put_to_end_p50')
    }
    first, *_, last = measured.items()
    for side in OTHERS:
        for name, title in titles.items():
            own, stock = (
                figures.ratios(
                    figures.column(last[1], who, name),
                    figures.column(first[1], who, name),
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
                f'{first[0]} to {last[0]} nodes',
                side,
                f'{own.text()}; stock {stock.text()}',
                'flat, or as stock',
                verdict,
                'count' if name == 'statements_per_op' else 'spread',
                own,
            )


JUDGES: Mapping[str, Callable[[figures.Figures], Iterator[Line]]] = {
    'load': load,
    'statements': statements,
    'startup': startup,
    'memory': memory,
    'spawns': spawns,
    'locks': locks,
    'trouble': trouble,
    'growth': growth,
}
"""Figure -> what makes lines of it, in the order of the report."""


def lines(measured: figures.Figures) -> list[Line]:
    """Judge everything that was measured.

    :param measured: figure -> what its module returned.
    """
    return [
        line
        for name, judge in JUDGES.items()
        if name in measured
        for line in judge(measured[name])
    ]
