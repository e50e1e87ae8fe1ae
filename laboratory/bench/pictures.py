# SPDX-License-Identifier: Apache-2.0
"""Pictures of the result, by matplotlib, without a window."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import logging
import pathlib
import statistics
from typing import Any

from laboratory.bench import figures
from laboratory.bench import judge_rounds
from laboratory.bench import report

COLOURS = {'stock': '#7f7f7f', 'plugin': '#1f77b4', 'outbox': '#ff7f0e'}

_ROW = 0.19

Axes = Any


def draw(document: report.Document, directory: pathlib.Path) -> list[str]:
    """Draw what a document has figures for.

    :param document: the result.
    :param directory: where to write the pictures; exists.
    :returns: the names of the files.
    """
    # It tells of its fonts when it is imported, and nobody asked.
    logging.getLogger('matplotlib').setLevel(logging.WARNING)
    import matplotlib

    # Text stays text, and the same input makes the same file.
    settings = {
        'svg.fonttype': 'none',
        'svg.hashsalt': 'ironic-async-events',
        'font.size': 8,
        'axes.spines.top': False,
        'axes.spines.right': False,
    }
    drawn = []
    with matplotlib.rc_context(settings):
        for name, picture in PICTURES.items():
            if name not in document['figures']:
                continue
            drawn.append(f'benchmark-{name}.svg')
            picture(document['figures'][name]).savefig(
                directory / drawn[-1], format='svg', metadata={'Date': None}
            )
    return drawn


def _sheet(
    width: float, height: float, columns: int = 1
) -> tuple[Any, Sequence[Axes]]:
    from matplotlib import figure

    picture = figure.Figure(figsize=(width, height), layout='constrained')
    return picture, picture.subplots(1, columns, squeeze=False)[0]


def _ratios(found: Mapping[str, Any]) -> Any:
    """Draw each ratio with its interval; one column for each backend."""
    by_backend: dict[str, list[figures.Line]] = {}
    for line in judge_rounds.load(found):
        if line.ratio is not None:
            backend = line.where.partition(';')[0]
            by_backend.setdefault(backend, []).append(line)
    rows = max(map(len, by_backend.values()))
    picture, axes = _sheet(11, 1 + _ROW * rows / 2, len(by_backend))
    for one, (backend, lines) in zip(axes, by_backend.items(), strict=True):
        _forest(one, backend, lines)
    return picture


def _forest(axes: Axes, title: str, lines: Iterable[figures.Line]) -> None:
    places: dict[str, int] = {}
    for line in lines:
        assert line.ratio is not None
        clients = line.where.rpartition(' ')[2]
        place = places.setdefault(f'{line.figure}; {clients}', len(places))
        shift = -0.15 if line.side == 'plugin' else 0.15
        ratio = line.ratio
        axes.errorbar(
            ratio.middle,
            place + shift,
            xerr=[
                [ratio.middle - ratio.low],
                [ratio.high - ratio.middle],
            ],
            fmt='o',
            markersize=3,
            linewidth=1,
            color=COLOURS[line.side],
        )
    axes.axvline(1.0, color=COLOURS['stock'], linewidth=0.8)
    axes.set_xscale('log')
    axes.set_xticks([0.5, 0.7, 1, 1.5, 2], ['0.5', '0.7', '1', '1.5', '2'])
    axes.minorticks_off()
    axes.set_yticks(list(places.values()), list(places))
    axes.invert_yaxis()
    axes.set_title(title)
    axes.set_xlabel('ratio to stock; after the semicolon: clients')
    _legend(axes, ('plugin', 'outbox'))


def _legend(axes: Axes, names: Iterable[str]) -> None:
    handles = [
        axes.plot([], [], 'o', markersize=3, color=COLOURS[name])[0]
        for name in names
    ]
    axes.legend(handles, list(names), loc='best', frameon=False)


def _growth(found: Mapping[str, Any]) -> Any:
    """Draw what an operation takes over the nodes in the database."""
    picture, axes = _sheet(9, 2.6, 3)
    sizes = [int(one) for one in found]
    for one, (name, title, scale) in zip(
        axes,
        (
            ('statements_per_op', 'statements per operation', 1.0),
            ('conductor_cpu_per_op', 'CPU ms per operation', 1e3),
            ('put_to_end_p50', 'PUT to end, p50, ms', 1e3),
        ),
        strict=True,
    ):
        for side, colour in COLOURS.items():
            values = [
                [scale * each[side][name] for each in rounds]
                for rounds in found.values()
            ]
            one.plot(
                sizes,
                [statistics.median(value) for value in values],
                'o-',
                markersize=3,
                color=colour,
            )
        one.set_xscale('log')
        one.set_ylim(bottom=0)
        one.set_xlabel('nodes in the database')
        one.set_title(title)
    _legend(axes[0], COLOURS)
    return picture


def _memory(found: Mapping[str, Any]) -> Any:
    """Draw memory over the operations that were done."""
    picture, (axes,) = _sheet(5, 2.6)
    for side, colour in COLOURS.items():
        samples = found['churn'][side]
        axes.plot(
            [operations for operations, _ in samples],
            [size / 2**20 for _, size in samples],
            'o-',
            markersize=3,
            color=colour,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel('operations')
    axes.set_title('memory of the conductor, MiB')
    _legend(axes, COLOURS)
    return picture


def _trouble(found: Mapping[str, Any]) -> Any:
    """Draw how long requests and operations take, by state of the broker."""
    picture, axes = _sheet(8, 2.6, 2)
    states = ('healthy', 'slow', 'down')
    ceiling = found['down_seconds']
    for one, (name, title) in zip(
        axes,
        (
            ('put_to_202', 'PUT to 202, seconds'),
            ('put_to_end', 'PUT to end, seconds'),
        ),
        strict=True,
    ):
        for number, (side, colour) in enumerate(COLOURS.items()):
            for place, state in enumerate(states):
                values = [
                    value
                    for each in found['rounds']
                    for value in each[side][state][name]
                ]
                came = [value for value in values if value is not None]
                never = len(came) < len(values)
                one.bar(
                    place + 0.27 * (number - 1),
                    ceiling if never else statistics.median(came),
                    0.25,
                    color=colour,
                    hatch='///' if never else None,
                    edgecolor='white',
                )
        one.set_xticks(range(len(states)), states)
        one.set_yscale('log')
        one.set_title(title)
        one.set_xlabel('broker; hatched: not while it was down')
    _legend(axes[0], COLOURS)
    return picture


PICTURES: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    'load': _ratios,
    'growth': _growth,
    'memory': _memory,
    'trouble': _trouble,
}
"""Figure -> what draws it."""
