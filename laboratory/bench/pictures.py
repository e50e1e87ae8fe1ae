# SPDX-License-Identifier: Apache-2.0
"""Pictures of the result, by matplotlib, without a window."""

from collections.abc import Iterable
import logging
import pathlib
from typing import Any

from laboratory.bench import figures
from laboratory.bench import judge
from laboratory.bench import report

_COLOURS = {'plugin': '#1f77b4', 'outbox': '#ff7f0e'}
_ROW = 0.19


def draw(document: report.Document, directory: pathlib.Path) -> list[str]:
    """Draw the ratios of each figure, with their intervals.

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
        for name, measured in document['figures'].items():
            groups: dict[str, list[figures.Line]] = {}
            for line in judge.JUDGES[name](measured):
                if line.ratio is not None:
                    backend = line.where.partition(';')[0]
                    groups.setdefault(backend, []).append(line)
            if groups:
                drawn.append(f'benchmark-{name}.svg')
                path = directory / drawn[-1]
                _draw(groups).savefig(path, metadata={'Date': None})
    return drawn


def _draw(groups: dict[str, list[figures.Line]]) -> Any:
    from matplotlib import figure

    rows = max(map(len, groups.values()))
    picture = figure.Figure(
        figsize=(11, 1 + _ROW * rows / 2), layout='constrained'
    )
    axes = picture.subplots(1, len(groups), squeeze=False)[0]
    for one, (title, lines) in zip(axes, groups.items(), strict=True):
        _forest(one, lines)
        one.set_title(title)
    return picture


def _forest(axes: Any, lines: Iterable[figures.Line]) -> None:
    places: dict[str, int] = {}
    for line in lines:
        assert line.ratio is not None
        clients = line.where.partition('clients:')[2]
        row = f'{line.figure};{clients}' if clients else line.figure
        place = places.setdefault(row, len(places))
        ratio = line.ratio
        axes.errorbar(
            ratio.middle,
            place + (-0.15 if line.side == 'plugin' else 0.15),
            xerr=[[ratio.middle - ratio.low], [ratio.high - ratio.middle]],
            fmt='o',
            markersize=3,
            linewidth=1,
            color=_COLOURS[line.side],
        )
    axes.axvline(1.0, color='#7f7f7f', linewidth=0.8)
    axes.set_xscale('log')
    axes.set_xticks([0.5, 0.7, 1, 1.5, 2], ['0.5', '0.7', '1', '1.5', '2'])
    axes.minorticks_off()
    axes.set_yticks(list(places.values()), list(places))
    axes.invert_yaxis()
    axes.set_xlabel('ratio to stock; after the semicolon: clients')
    for name, colour in _COLOURS.items():
        axes.plot([], [], 'o', markersize=3, color=colour, label=name)
    axes.legend(frameon=False)
