# SPDX-License-Identifier: Apache-2.0
"""From what was measured to lines with verdicts; pure."""

import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import re
import statistics

from laboratory.bench import counted as counted_statements
from laboratory.bench import figures
from laboratory.bench import sides
from laboratory.bench.figures import FAILED
from laboratory.bench.figures import OTHERS
from laboratory.bench.figures import STOCK
from laboratory.bench.figures import Limit
from laboratory.bench.figures import Line
from laboratory.bench.figures import Verdict

_SERVERS = 'database', 'broker'
_MARIADB, _SQLITE = sides.MARIADB.name, sides.SQLITE.name
_CPU, _WHOLE = 'conductor_per_op', 'whole_per_op'
_WRITTEN, _ANNOUNCED = 'written_per_op', 'announced_per_op'

TITLES = {
    'rate': 'operations per second',
    _WHOLE: 'CPU seconds of the whole per operation',
    _CPU: "conductor's CPU seconds per operation",
    'api_per_op': "API's CPU seconds per operation",
    'database_per_op': "database's CPU seconds per operation",
    'broker_per_op': "broker's CPU seconds per operation",
    'clients_per_op': "clients' CPU seconds per operation",
    _WRITTEN: 'bytes written by the database per operation',
    'put_to_202_mean': 'PUT to 202, mean',
    'put_to_202_p50': 'PUT to 202, p50',
    'put_to_202_p99': 'PUT to 202, p99',
    '202_to_end_p50': '202 to end, p50',
    '202_to_end_p99': '202 to end, p99',
    'put_to_end_p50': 'PUT to end, p50',
    'put_to_end_p99': 'PUT to end, p99',
}
"""Figure of a round -> how it is called; no broker, no figure of a broker."""


_LIMITS: Sequence[tuple[str, str, str, float | None, float | None]] = (
    # figure, backend, clients, the plugin's limit, the outbox's; where no
    # backend or no number is named: all others.
    ('rate', _MARIADB, '1', 1.20, 1.20),
    ('rate', _MARIADB, '8', 1.20, 1.10),
    ('rate', _MARIADB, '32', 1.25, 1.15),
    ('rate', _SQLITE, '1', 1.20, 1.15),
    ('rate', _SQLITE, '8', 1.15, 1.10),
    ('rate', '', '', 1.00, 1.00),
    (_WHOLE, '', '', 0.80, 0.92),
    # The API is in the same process.
    (_CPU, _SQLITE, '', 0.75, 0.85),
    (_CPU, '', '', 0.65, 0.75),
    ('put_to_202_mean', _SQLITE, '8', 0.95, 1.00),
    ('put_to_202_p50', '', '', 0.90, 0.95),
    ('put_to_202_p99', _SQLITE, '8', 0.50, 0.60),
    ('put_to_202_p99', '', '', 1.00, 1.05),
    ('put_to_end_p50', '', '', 0.90, 0.95),
    ('put_to_end_p99', '', '', 1.00, 1.05),
    # The answer comes much earlier than on stock.
    ('202_to_end_p50', _SQLITE, '8', None, None),
    ('202_to_end_p50', '', '', 1.05, 1.05),
    ('202_to_end_p99', '', '', 1.05, 1.05),
)
# What the plugin may let the database write; with the outbox, how often each
# message: it is stored and deleted.
_WRITES = 1.00
_TIMES = 2
# What others may use of the machine in a run that is believed; and servers
# while nobody asks, of one processor.
_OTHERS_USE = 0.05
_IDLE = 0.05

_TRANSACTIONS = 'COMMIT and ROLLBACK'
_SELECTS = 15.0


def load(
    measured: figures.Figures, others: Sequence[str] = OTHERS
) -> Iterator[Line]:
    for backend, both in measured.items():
        for clients, rounds in both['clients'].items():
            where = f'{backend}; clients: {clients}'
            for side in others:
                done = figures.done(rounds, side)
                if len(done) < len(rounds):
                    yield _failed(where, side, rounds)
                if done:
                    for name in TITLES:
                        if name in done[0][side] and name != _WRITTEN:
                            limit = _limit(name, backend, clients, side)
                            yield _round(name, where, side, done, limit)
                    yield _machine(where, side, done)
        for side in others:
            yield _notifications(backend, side, both['notifications'])
            yield _bytes(backend, side, both['clients'].values())
        yield _idle(backend, both['idle'])


def _machine(where: str, side: str, rounds: figures.Rounds) -> Line:
    """Tell how full the machine was, and what others used of it."""
    own, stock, *others = (
        figures.spread([each[who][name] for each in rounds])
        for name in ('busy', 'others')
        for who in (side, STOCK)
    )
    most = max(each.middle for each in others)
    title, limit = 'share of the machine in use', f'others {_OTHERS_USE:.2f}'
    value = f'{own.text()}; stock {stock.text()}; others {most:.2f}'
    verdict = figures.within(most, _OTHERS_USE)
    return Line(title, where, side, value, limit, verdict)


def _bytes(where: str, side: str, clients: Iterable[figures.Rounds]) -> Line:
    """Judge what the database writes, however many clients there are."""
    rounds = [
        each for rounds in clients for each in figures.done(rounds, side)
    ]
    ratio = figures.ratio(rounds, side, _WRITTEN)
    added = figures.added(rounds, side, _WRITTEN)
    title = TITLES[_WRITTEN]
    value = f'{ratio.text()}; {added.middle:+.0f} bytes'
    limit, verdict = f'at most {_WRITES:.2f}', Verdict.REPORTED
    if side == OTHERS[0]:
        verdict = figures.within(round(ratio.middle, 2), _WRITES)
    elif where == _SQLITE:
        limit = 'reported: it writes pages, and each twice'
    elif side == OTHERS[1]:
        messages = [each[side][_ANNOUNCED] for each in rounds]
        may = _TIMES * statistics.median(messages)
        verdict = figures.within(added.middle, may)
        limit = f'the messages twice: at most {may:+.0f} bytes'
    return Line(title, where, side, value, limit, verdict, ratio)


def _idle(where: str, used: Mapping[str, float]) -> Line:
    cpu = sum(used.get(part, 0.0) for part in _SERVERS)
    title = 'CPU seconds of the servers in a second, nobody asks'
    value = f'{cpu:.3f}; {used["written"]:.0f} bytes written'
    limit, verdict = f'at most {_IDLE:.2f}', figures.within(cpu, _IDLE)
    return Line(title, where, 'all', value, limit, verdict)


def _failed(where: str, side: str, rounds: figures.Rounds) -> Line:
    own, stock = (
        sum(FAILED in each[who] for each in rounds) for who in (side, STOCK)
    )
    title = 'rounds in which an operation failed'
    value = f'{own} of {len(rounds)}; stock {stock}'
    verdict = figures.within(own, stock)
    return Line(title, where, side, value, 'as stock', verdict)


def _notifications(where: str, side: str, books: figures.Figures) -> Line:
    kinds = ('lost', 'out_of_order', 'illegal')
    own, stock = (sum(books[x][k] for k in kinds) for x in (side, STOCK))
    title = 'lost, out of order or illegal notifications'
    value = (
        f'{own} of {books[side]["expected"]}; '
        f'stock {stock} of {books[STOCK]["expected"]}'
    )
    return Line(title, where, side, value, '0', figures.within(own, 0))


def _limit(name: str, backend: str, clients: str, side: str) -> Limit | None:
    """Return the limit of a figure; None where it is only reported."""
    # Where clients ask more seldom, they decide on the rate.
    if side not in OTHERS or (name == 'rate' and ',' in clients):
        return None
    for figure, where, many, *limits in _LIMITS:
        if figure == name and where in ('', backend) and many in ('', clients):
            limit = limits[OTHERS.index(side)]
            return None if limit is None else Limit(limit, name == 'rate')
    return None


def _round(
    name: str,
    where: str,
    side: str,
    rounds: figures.Rounds,
    limit: Limit | None,
) -> Line:
    verdict, ratio = Verdict.REPORTED, None
    added = figures.added(rounds, side, name)
    value = f'{added.text(1, 1e3)} ms more; stock has ended before'
    # What may begin after it has ended has no ratio.
    if all(each[STOCK][name] > 0 for each in rounds):
        ratio = figures.ratio(rounds, side, name)
        value = ratio.text()
        if name != 'rate':
            value += f'; {added.middle * 1e3:+.1f} ms'
        if limit is not None:
            verdict = limit.hold(ratio)
    text = str(limit or 'reported')
    return Line(TITLES[name], where, side, value, text, verdict, ratio)


def statements(measured: figures.Figures) -> Iterator[Line]:
    for backend, counted in measured.items():
        stock = _kinds(counted[STOCK])
        for side in OTHERS:
            own = _kinds(counted[side])
            for kind in sorted(own.keys() | stock.keys()):
                may, limit = stock[kind] + 1e-9, 'as stock'
                if kind == 'SELECT':
                    may, limit = _SELECTS, f'at most {_SELECTS:.0f}'
                elif kind == _TRANSACTIONS:
                    may, limit = stock[kind] - 1e-9, 'fewer than stock'
                elif side == 'outbox' and kind == 'INSERT':
                    done = counted[side]
                    may += done['transitions'] / done['operations']
                    limit = f'one more for each transition: {may:.2f}'
                title = f'{kind} per operation'
                value = f'{own[kind]:.2f}; stock {stock[kind]:.2f}'
                verdict = figures.within(own[kind], may)
                yield Line(title, backend, side, value, limit, verdict)


def _kinds(counted: figures.Figures) -> collections.Counter[str]:
    """Add up the counts of statements over tables, for each operation."""
    kinds: collections.Counter[str] = collections.Counter()
    for what, number in counted['by_operations'].items():
        kind = what.partition(' ')[0]
        if kind in ('COMMIT', 'ROLLBACK'):
            kind = _TRANSACTIONS
        elif kind == counted_statements.NO_ROW:
            # It only looks.
            kind = 'SELECT'
        kinds[kind] += number / counted['operations']
    return kinds


def callers(counted: figures.Figures) -> Iterator[tuple[str, ...]]:
    """Name each statement of an operation: who says it, for whom, how often.

    ``by_relay`` is what the relay says, which no operation waits for.
    """
    rows: dict[str, dict[str, float]] = {}
    for side, own in counted.items():
        for part, who in (('by_operations', ''), ('by_relay', ' (relay)')):
            for what, number in own[part].items():
                row = rows.setdefault(f'{what}{who}', {})
                row[side] = number / own['operations']
    for what, row in sorted(rows.items(), key=lambda x: -max(x[1].values())):
        statement, _, names = what.partition(' by ')
        by, _, whom = re.sub(r'\bironic[._]', '', names).partition(' for ')
        counts = (f'{row.get(side, 0):.2f}' for side in counted)
        yield statement, by, whom, *counts


def again(first: Sequence[Line], second: Sequence[Line]) -> Iterator[Line]:
    """Name what a second run does not say again.

    Two runs agree when one's median is in the other's interval. Where they
    agree and only one is within the limit, the limit is undecided.
    """
    known = {(line.figure, line.where, line.side): line for line in second}
    for line in first:
        other = known.get((line.figure, line.where, line.side))
        if other is None or line.ratio is None or other.ratio is None:
            continue
        verdict, agree = Verdict.MISSED, line.ratio.agrees(other.ratio)
        if agree and other.verdict is line.verdict:
            continue
        if agree:
            verdict = Verdict.UNDECIDED
        yield dataclasses.replace(
            line,
            value=f'{line.ratio.text()}; {other.ratio.text()}',
            limit=f'twice the same; {line.limit}',
            verdict=verdict,
        )


JUDGES: Mapping[str, Callable[[figures.Figures], Iterator[Line]]] = {
    'load': load,
    'statements': statements,
}
"""Figure -> what makes lines of it, in the order of the report."""


def lines(measured: figures.Figures) -> list[Line]:
    """Judge everything that was measured: figure -> what was measured."""
    return [
        line
        for name, judge in JUDGES.items()
        if name in measured
        for line in judge(measured[name])
    ]
