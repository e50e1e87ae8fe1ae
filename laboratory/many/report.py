# SPDX-License-Identifier: Apache-2.0
"""What was measured, as a table, a picture and a verdict."""

import collections
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import json
import pathlib
import statistics
from typing import Any

from laboratory import cluster
from laboratory import tables
from laboratory.bench import figures
from laboratory.bench import load

_COLOURS = {'stock': '#7f7f7f', 'plugin': '#1f77b4', 'outbox': '#ff7f0e'}
_GROWTH = ('100', '1000', '10000')
_BYTES = 1e6
_MS = 'ms'

CPU_OF_A_BEAT = 'CPU of a heartbeat, ms'
CPU_OF_A_TRANSITION = 'CPU of a transition, ms'
MEMORY = 'memory, MB'
_COSTS = {
    CPU_OF_A_BEAT: ('beats', 'cpu_per_beat'),
    CPU_OF_A_TRANSITION: ('lives', 'cpu_per_transition'),
}
REFUSED = 'heartbeats refused, 409 or 503'
UNANSWERED = 'heartbeats without an answer, or another'
FORGOTTEN = 'heartbeats accepted, and not worked at'
FAILED = 'lives that failed'
STRANDED = 'nodes stranded'
LOST = 'transitions lost'
DISORDER = 'transitions out of order'
_AT_MOST_STOCKS = {REFUSED, UNANSWERED, FORGOTTEN, FAILED}
_NONE = {STRANDED, LOST, DISORDER}


def told(measured: Mapping[str, Any], side: str) -> dict[str, float]:
    """Return what is told of a side, by its title."""
    rounds = [one[side] for one in measured['rounds']]
    ends = [one[side] for one in measured['ends']]
    parts = [x for one in rounds for x in one.values() if isinstance(x, dict)]
    codes: collections.Counter[str] = collections.Counter()
    for part in parts:
        codes.update(part.get('codes', {}))
    busy = codes['409'] + codes['503']
    result = {}
    for name, words in (('lives', ''), ('both', ', with heartbeats')):
        took = [one[name]['took'] for one in rounds if name in one]
        for what, title, factor in (
            ('put_to_202', 'PUT to 202, ms', 1000),
            ('202_to_end', '202 to end, s', 1),
        ):
            values = [factor * x for each in took for x in each[what]]
            cuts = load.percentiles(values) if values else ()
            for cut, value in zip(('p50', 'p99'), cuts, strict=False):
                result[f'{title}{words}, {cut}'] = value
    both = [one['both'] for one in rounds]
    return result | {
        'heartbeats a second': statistics.median(x['rate'] for x in both),
        'latest heartbeat, late by s': max(x['late'] for x in both),
        'heartbeats accepted': codes['202'],
        REFUSED: busy,
        UNANSWERED: codes.total() - codes['202'] - busy,
        FORGOTTEN: sum(x.get('forgotten', 0) for x in parts),
        'requests refused, 409 or 503': sum(
            len(x.get('refused', ())) for x in parts
        ),
        FAILED: sum(len(x.get('failed', ())) for x in parts),
        'transitions': sum(x['expected'] for x in ends),
        LOST: sum(x['lost'] for x in ends),
        DISORDER: sum(x['out_of_order'] for x in ends),
        STRANDED: sum(x['stranded'] for x in ends),
        MEMORY: statistics.median(x['memory'] for x in rounds) / _BYTES,
        'memory that came, MB': (rounds[-1]['memory'] - rounds[0]['before'])
        / _BYTES,
        'idle, % of a processor': 100
        * statistics.fmean(x['idle'] for x in ends),
    }


def lines(measured: Mapping[str, Any]) -> Iterator[tuple[bool, list[str]]]:
    """Give lines of a table, each with whether it holds what must hold."""
    for title in (CPU_OF_A_BEAT, CPU_OF_A_TRANSITION):
        rounds, good = _costs(measured, title), True
        if rounds:
            cells = [f'{_spread(rounds, x).middle:.2f}' for x in cluster.SIDES]
            for number, side in enumerate(figures.OTHERS, 1):
                ratio = figures.ratio(rounds, side, _MS)
                good = good and ratio.middle <= 1.0
                cells[number] += f', x{ratio.text()}'
            yield good, [title, *cells]
    sides = [told(measured, side) for side in cluster.SIDES]
    for title in sides[0]:
        values = [one[title] for one in sides]
        good = title not in _NONE or not any(values[1:])
        if title in _AT_MOST_STOCKS:
            good = max(values) <= values[0]
        yield good, [title, *(f'{x:.2f}'.removesuffix('.00') for x in values)]


def _costs(measured: Mapping[str, Any], title: str) -> figures.Rounds:
    part, name = _COSTS[title]
    return [
        {side: {_MS: 1000 * one[side][part][name]} for side in one}
        for one in measured['rounds']
        # Nothing may have been accepted.
        if all(name in each.get(part, ()) for each in one.values())
    ]


def _spread(rounds: figures.Rounds, side: str) -> figures.Spread:
    return figures.spread([one[side][_MS] for one in rounds])


def show(directory: pathlib.Path) -> int:
    """Show all that is in a directory; 1 if something does not hold."""
    bad, scenarios = False, {}
    for path in sorted(directory.glob('*.json')):
        measured = json.loads(path.read_text(encoding='utf-8'))
        sheet = tables.Table('figure', *cluster.SIDES, title=path.stem)
        for good, cells in lines(measured):
            bad |= not good
            sheet.add(*cells, style='' if good else 'red')
        sheet.show()
        path.with_suffix('.rst').write_text(sheet.rst(), encoding='utf-8')
        scenarios[path.stem] = measured
    if scenarios.keys() >= set(_GROWTH):
        _draw([scenarios[x] for x in _GROWTH], directory / 'growth.svg')
    return int(bad)


def _draw(grown: Sequence[Mapping[str, Any]], path: pathlib.Path) -> None:
    nodes = list(map(int, _GROWTH))
    with tables.picture(path, 3, 1, len(_COSTS) + 1) as places:
        for axes, title in zip(places, (*_COSTS, MEMORY), strict=True):
            for side, colour in _COLOURS.items():
                if title == MEMORY:
                    values = [told(one, side)[title] for one in grown]
                else:
                    spreads = [
                        _spread(_costs(one, title), side) for one in grown
                    ]
                    values = [one.middle for one in spreads]
                    axes.fill_between(
                        nodes,
                        [one.low for one in spreads],
                        [one.high for one in spreads],
                        color=colour,
                        alpha=0.15,
                    )
                axes.plot(
                    nodes, values, 'o-', markersize=3, color=colour, label=side
                )
            axes.set_xscale('log')
            axes.set_ylim(bottom=0)
            axes.set_xlabel('nodes')
            axes.set_title(title)
            axes.legend(frameon=False)
