# SPDX-License-Identifier: Apache-2.0
"""What was measured, as a table, a picture and a verdict."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import json
import pathlib
from typing import Any

from laboratory import cluster
from laboratory import tables
from laboratory.bench import figures

_COLOURS = {'stock': '#7f7f7f', 'plugin': '#1f77b4', 'outbox': '#ff7f0e'}
Round = Mapping[str, Any]


def _codes(one: Round, *codes: str) -> int:
    parts = one['beats'], one['both']['beats']
    return sum(x['codes'].get(code, 0) for x in parts for code in codes)


def _of(part: str, name: str, factor: int = 1) -> Callable[[Round], float]:
    return lambda one: factor * one[part].get(name, float('nan'))


CPU_OF_A_BEAT = 'CPU of a heartbeat, ms'
CPU_OF_A_TRANSITION = 'CPU of a transition, ms'
#: Title -> what a round says, and whether it must be at most stock's.
MEDIANS: Mapping[str, tuple[Callable[[Round], float], bool]] = {
    CPU_OF_A_BEAT: (_of('beats', 'cpu_per_beat', 1000), True),
    CPU_OF_A_TRANSITION: (_of('lives', 'cpu_per_transition', 1000), True),
    'heartbeats a second': (_of('beats', 'rate'), False),
    'PUT to 202, p50, ms': (_of('lives', 'put_to_202_p50', 1000), False),
    '202 to end, p50, s': (_of('lives', '202_to_end_p50'), False),
    '202 to end, p99, s': (_of('lives', '202_to_end_p99'), False),
    '202 to end with heartbeats, p99, s': (
        lambda one: one['both']['lives'].get('202_to_end_p99', float('nan')),
        False,
    ),
    'memory, MB': (lambda one: one['memory'] / 1e6, False),
}
SUMS: Mapping[str, tuple[Callable[[Round], float], bool]] = {
    'heartbeats accepted': (lambda one: _codes(one, '202'), False),
    'heartbeats refused, 409 or 503': (
        lambda one: _codes(one, '409', '503'),
        True,
    ),
    'heartbeats without an answer, or another': (
        lambda one: (
            sum(
                sum(x['codes'].values())
                for x in (one['beats'], one['both']['beats'])
            )
            - _codes(one, '202', '409', '503')
        ),
        True,
    ),
    'heartbeats accepted, and not worked at': (
        lambda one: one['beats']['forgotten'],
        True,
    ),
    'lives that failed': (
        lambda one: len(
            one['lives']['failed'] + one['both']['lives']['failed']
        ),
        True,
    ),
}
ENDS: Mapping[str, Callable[[Round], float]] = {
    'nodes stranded': lambda end: end['stranded'],
    'transitions': lambda end: end['books']['expected'],
    'transitions lost': lambda end: end['books']['lost'],
    'transitions out of order': lambda end: end['books']['out_of_order'],
}


def lines(scenario: Mapping[str, Any]) -> Iterator[tuple[bool, list[str]]]:
    """Give lines of a table, each with whether it holds what must hold."""
    for number, rounds in scenario['nodes'].items():
        for title, (read, limited) in MEDIANS.items():
            flat = [
                {x: {'': read(y) or 1e-9} for x, y in one.items()}
                for one in rounds
            ]
            ratios = {x: figures.ratio(flat, x, '') for x in figures.OTHERS}
            cells = [
                f'{figures.spread([one[x][""] for one in flat]).middle:.2f}'
                + (f', x{ratios[x].text()}' if x in ratios else '')
                for x in cluster.SIDES
            ]
            good = all(x.middle <= 1.0 for x in ratios.values())
            yield good or not limited, [number, title, *cells]
        for title, (read, limited) in SUMS.items():
            sums = [sum(read(one[x]) for one in rounds) for x in cluster.SIDES]
            good = max(sums) <= sums[0]
            yield good or not limited, [number, title, *map(str, sums)]
    for title, tell in ENDS.items():
        told = [tell(scenario['end'][x]) for x in cluster.SIDES]
        good = title == 'transitions' or not any(told[1:])
        yield good, ['all', title, *map(str, told)]
    idle = [scenario['end'][x]['idle'] for x in cluster.SIDES]
    yield (
        True,
        ['all', 'idle, % of a processor', *(f'{100 * x:.1f}' for x in idle)],
    )


def show(directory: pathlib.Path) -> int:
    """Show all that is in a directory; 1 if something does not hold."""
    bad = False
    for path in sorted(directory.glob('*.json')):
        scenario = json.loads(path.read_text(encoding='utf-8'))
        sheet = tables.Table(
            'nodes', 'figure', *cluster.SIDES, title=path.stem
        )
        for good, cells in lines(scenario):
            bad |= not good
            sheet.add(*cells, style='' if good else 'red')
        sheet.show()
        path.with_suffix('.rst').write_text(sheet.rst(), encoding='utf-8')
        if len(scenario['nodes']) > 1:
            _draw(scenario['nodes'], path.with_suffix('.svg'))
    return int(bad)


def _draw(nodes: Mapping[str, Any], path: pathlib.Path) -> None:
    titles = CPU_OF_A_BEAT, CPU_OF_A_TRANSITION, 'memory, MB'
    with tables.picture(path, 3, 1, len(titles)) as places:
        for axes, title in zip(places, titles, strict=True):
            read, _ = MEDIANS[title]
            for side, colour in _COLOURS.items():
                spreads = [
                    figures.spread([read(one[side]) for one in rounds])
                    for rounds in nodes.values()
                ]
                x = list(map(int, nodes))
                middles = [one.middle for one in spreads]
                lows, highs = zip(
                    *((one.low, one.high) for one in spreads), strict=True
                )
                axes.plot(
                    x, middles, 'o-', markersize=3, color=colour, label=side
                )
                axes.fill_between(x, lows, highs, color=colour, alpha=0.15)
            axes.set_xscale('log')
            axes.set_ylim(bottom=0)
            axes.set_xlabel('nodes')
            axes.set_title(title)
            axes.legend(frameon=False)
