# SPDX-License-Identifier: Apache-2.0
"""Draw timelines of nodes as SVG or PNG, with matplotlib.

Each provision state has a fixed colour. The hue is the operation. The
brightness is the status: at work (full), waiting (light), held (lighter),
failed (dark). States at rest are grey and green. Red is for violations.

matplotlib is imported late, because other commands do not need it, and
without pyplot, which has global state.
"""

from collections.abc import Sequence
import colorsys
import functools
import logging
from typing import Any
import zlib

from ironic_async_events.audit import timeline

FORMATS = ('.svg', '.png')

_WRONG = '#d40000'
#: Status -> marker of matplotlib.
_MARKERS = {'start': '>', 'end': 's', 'error': 'X', 'success': 'o'}
#: Minimum of seconds, seconds of a unit, name of the unit.
_UNITS = (
    (3 * 86400, 86400, 'days'),
    (3 * 3600, 3600, 'hours'),
    (300, 60, 'minutes'),
    (0, 1, 'seconds'),
)
#: Operation -> hue in degrees. From 20 to 320, clear of red.
_HUES = {
    'verify': 55,
    'inspect': 265,
    'clean': 185,
    'deploy': 215,
    'wait call-back': 215,
    'delet': 30,
    'adopt': 160,
    'rescu': 310,
    'unrescu': 290,
    'servic': 85,
}
_REST = {
    'enroll': '#d9d9d9',
    'manageable': '#a8a8a8',
    'available': '#f1e4b3',
    'active': '#5aa35a',
    'error': '#3d3d3d',
    'rescue': '#e3b7dd',
}
#: Last word of the name of a state -> lightness, saturation.
_DOES = {
    'failed': (0.28, 0.45),
    'wait': (0.74, 0.6),
    'call-back': (0.74, 0.6),
    'hold': (0.86, 0.5),
}
_WORKS = (0.52, 0.62)
#: Width of a character of a label, in inches.
_CHARACTER = 0.066
#: Text stays text, and the same input makes the same file.
_SETTINGS = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'ironic-async-events',
    'font.family': 'sans-serif',
}

#: The title of a recording, and its nodes from top to bottom.
Panel = tuple[str, Sequence[timeline.Life]]


def colour(state: str) -> str:
    """Return the colour of any provision state, as ``#rrggbb``."""
    if state in _REST:
        return _REST[state]
    hue = 20 + zlib.crc32(state.encode()) % 300
    for operation, angle in _HUES.items():
        if state.startswith(operation):
            hue = angle
    lightness, saturation = _DOES.get(state.split()[-1], _WORKS)
    parts = colorsys.hls_to_rgb(hue / 360, lightness, saturation)
    return '#' + ''.join(f'{round(part * 255):02x}' for part in parts)


def text_on(background: str) -> str:
    """Return black or white, whichever is legible on a colour."""
    red, green, blue = (int(background[i : i + 2], 16) for i in (1, 3, 5))
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return '#000000' if light > 140 else '#ffffff'


def draw(panels: Sequence[Panel], path: str) -> None:
    """Draw recordings side by side, from left to right.

    The suffix of the path chooses the format.

    :raises OSError: when the file cannot be written.
    """
    # matplotlib logs about its fonts when it is imported.
    logging.getLogger('matplotlib').setLevel(logging.WARNING)
    import matplotlib
    from matplotlib import figure

    rows = max(len(lives) for _, lives in panels)
    # Many nodes leave no room for names and marks.
    large = rows <= 6
    shown = [life for _, lives in panels for life in lives]
    states = sorted({span.state for life in shown for span in life.spans})
    legend = 0.19 * ((len(states) + 11) // 6)
    row_height = 0.9 if rows == 1 else 0.55 if large else 0.24
    width = max(11.0, 6.5 * len(panels))
    # All panels have the same scale, so they can be compared.
    seconds = max(timeline.extent(lives)[1] for _, lives in panels)
    with matplotlib.rc_context(_SETTINGS):
        picture = figure.Figure(
            (width, 1.27 + row_height * rows + legend), layout='constrained'
        )
        axes = picture.subplots(1, len(panels), squeeze=False)[0]
        for panel, place in zip(panels, axes, strict=True):
            per_inch = seconds / max(1.0, width / len(panels) - 1.5)
            _draw_panel(place, panel, seconds, per_inch, large)
        picture.legend(
            handles=_legend(states, large),
            loc='outside lower center',
            ncols=6,
            fontsize=8,
            frameon=False,
        )
        metadata = {'Date': None} if path.endswith('.svg') else {}
        picture.savefig(path, dpi=120, metadata=metadata)


def _draw_panel(
    axes: Any, panel: Panel, seconds: float, per_inch: float, large: bool
) -> None:
    """Draw the lives of the nodes of a recording, in seconds per inch."""
    unit, name = next(
        (unit, name) for least, unit, name in _UNITS if seconds >= least
    )
    title, lives = panel
    start, _ = timeline.extent(lives)

    def at(time: float) -> float:
        return (time - start) / unit

    for row, life in enumerate(lives):
        for span in life.spans:
            back = colour(span.state)
            bars = axes.barh(
                row,
                (span.end - span.start) / unit,
                left=at(span.start),
                height=0.5 if large else 0.72,
                color=back,
                edgecolor='white' if span.sure else _WRONG,
                linewidth=0.4,
                hatch=None if span.sure else '////',
            )
            needed = (len(span.state) + 1) * _CHARACTER * per_inch
            if large and span.end - span.start > needed:
                axes.bar_label(
                    bars,
                    [span.state],
                    label_type='center',
                    fontsize=8,
                    color=text_on(back),
                )
        for mark in life.marks if large else ():
            axes.plot(
                at(mark.time),
                row - 0.36,
                marker=_MARKERS[mark.status],
                color='black',
                markersize=5,
                clip_on=False,
            )
        for flag in life.flags:
            axes.plot(
                [at(flag.time)] * 2,
                [row - 0.5, row + 0.5],
                color=_WRONG,
                lw=1.6,
                marker='v',
                markevery=[0],
                markersize=9 if large else 4.5,
                clip_on=False,
            )
    nodes = [life.node[:8] for life in lives]
    axes.set_xlim(0, seconds / unit)
    axes.set_ylim(len(nodes) - 0.4, -0.75 if large else -0.6)
    size = 9 if large else 7
    axes.set_yticks(
        range(len(nodes)), nodes, fontsize=size, family='monospace'
    )
    axes.set_xlabel(name, fontsize=9)
    axes.set_title(title, fontsize=11, loc='left')
    axes.tick_params(axis='y', length=0)
    axes.spines[['top', 'right', 'left']].set_visible(False)


def _legend(states: Sequence[str], marks: bool) -> list[Any]:
    """Return the legend of colours and marks."""
    from matplotlib import lines
    from matplotlib import patches

    line = functools.partial(lines.Line2D, [], [])
    white = {'facecolor': 'white', 'edgecolor': _WRONG}
    return [
        *(patches.Patch(color=colour(x), label=x) for x in states),
        *(
            line(color='black', marker=mark, lw=0, label=status)
            for status, mark in _MARKERS.items()
            if marks
        ),
        patches.Patch(**white, hatch='////', label='not sure'),
        line(color=_WRONG, marker='v', lw=1.6, label='violation'),
    ]
