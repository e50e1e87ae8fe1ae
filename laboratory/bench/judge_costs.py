# SPDX-License-Identifier: Apache-2.0
"""Verdicts on statements, starts, memory, workers and locks; pure."""

from collections.abc import Iterator
from collections.abc import Mapping
import statistics

from laboratory.bench import compared
from laboratory.bench import figures
from laboratory.bench.figures import Line
from laboratory.bench.figures import Verdict

# Milliseconds.
_STARTS = (
    ('ironic-conductor', 'ironic-conductor', 50.0),
    ('ironic-api', 'ironic-api', 50.0),
    ('preparation', 'ironic-api, up to its configuration', 5.0),
)
_MEMORY_LIMIT = 1.02
_LOCK_LIMIT = 1.0


def statements(found: compared.Figures) -> Iterator[Line]:
    """Judge the counts of statements: not one more than stock."""
    for backend, sides in found.items():
        stock = kinds(sides[compared.STOCK]['by_operations'])
        for side in compared.OTHERS:
            one = sides[side]
            own = kinds(one['by_operations'])
            for kind in sorted(own.keys() | stock.keys()):
                yield _kind_line(
                    backend,
                    side,
                    kind,
                    own.get(kind, 0) / one['operations'],
                    stock.get(kind, 0) / sides[compared.STOCK]['operations'],
                    one['transitions'] / one['operations'],
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


def startup(found: compared.Figures) -> Iterator[Line]:
    """Judge what is added to the time of a start."""
    for part, title, limit in _STARTS:
        for side in compared.OTHERS:
            wall, cpu = (
                compared.added(found[part], side, name)
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
                f'{compared.milliseconds(shown)} ms more',
                f'at most {limit:.0f} ms more',
                verdict,
                by,
            )


def memory(found: compared.Figures) -> Iterator[Line]:
    """Judge memory with operations that run, and after many of them."""
    rounds = found['running']
    for side in compared.OTHERS:
        ratio = compared.ratio(rounds, side, 'during')
        assert ratio is not None, 'nothing runs without memory'
        each = {
            name: statistics.median(
                (one[name]['during'] - one[name]['before'])
                / one[name]['operations']
                / 1024
                for one in rounds
            )
            for name in (side, compared.STOCK)
        }
        number = rounds[0][side]['operations']
        yield Line(
            f'memory with {number} operations running',
            'MariaDB, RabbitMQ',
            side,
            f'{ratio.text(3)}; {each[side]:.0f} KiB for each, '
            f'stock {each[compared.STOCK]:.0f}',
            f'at most {_MEMORY_LIMIT:.2f}',
            figures.within(ratio.middle, _MEMORY_LIMIT),
            'allocated memory',
            ratio,
        )
    for side in compared.OTHERS:
        yield _grown(side, found['churn'])


def _grown(side: str, churn: compared.Figures) -> Line:
    """Compare the middle with the end: the beginning fills caches."""
    grown = {}
    for name in (side, compared.STOCK):
        samples = churn[name]
        half = samples[len(samples) // 2 - 1][1]
        grown[name] = samples[-1][1] / half
    operations = churn[side][-1][0]
    # What stock grows by is not the plugin's.
    limit = _MEMORY_LIMIT * max(1.0, grown[compared.STOCK])
    return Line(
        f'growth of memory in the second half of {operations} operations',
        'MariaDB, RabbitMQ',
        side,
        f'{grown[side]:.3f}; stock {grown[compared.STOCK]:.3f}',
        f'at most {limit:.2f}',
        figures.within(grown[side], limit),
        'allocated memory',
    )


def spawns(found: compared.Figures) -> Iterator[Line]:
    """Judge the CPU time of operations without a driver."""
    for backend, rounds in found.items():
        ratio = compared.ratio(rounds, 'plugin', 'cpu')
        assert ratio is not None, 'nothing runs without CPU'
        added = compared.added(rounds, 'plugin', 'cpu')
        yield Line(
            'CPU seconds of lock, worker and two states',
            backend.partition(',')[0],
            'plugin',
            f'{ratio.text(3)}; {added.middle * 1e3:+.2f} ms',
            f'at most {figures.CPU_LIMIT:.2f}',
            figures.at_most(ratio, figures.CPU_LIMIT),
            'CPU seconds',
            ratio,
        )


def locks(found: compared.Figures) -> Iterator[Line]:
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
