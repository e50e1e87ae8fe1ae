# SPDX-License-Identifier: Apache-2.0
"""Draw timelines of nodes as SVG or PNG, with matplotlib.

matplotlib is imported late, because other commands do not need it, and
without pyplot, which has global state.
"""

from collections.abc import Sequence
import logging
import os
from typing import Any
from typing import NamedTuple

from ironic_async_events.audit import timeline
from ironic_async_events.command import palette

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
#: Width of a character of a label, in inches.
_CHARACTER = 0.066


class Panel(NamedTuple):
    """A recording in a picture.

    :param title: the title of the panel.
    :param lives: the timelines of the nodes, from top to bottom.
    """

    title: str
    lives: Sequence[timeline.Life]

    @property
    def start(self) -> float:
        """When the first notification was received."""
        return min((life.start for life in self.lives), default=0.0)

    @property
    def seconds(self) -> float:
        """Seconds from the first start to the last end."""
        ends = (
            span.end - self.start for life in self.lives for span in life.spans
        )
        return max(ends, default=0.0) or 1.0


def _unit(seconds: float) -> tuple[int, str]:
    """Return the unit of the time axis: its seconds and its name."""
    for least, unit, name in _UNITS:
        if seconds >= least:
            return unit, name
    return 1, 'seconds'


def draw(panels: Sequence[Panel], path: str) -> None:
    """Draw recordings side by side.

    :param panels: the recordings, from left to right.
    :param path: the file to write; the suffix chooses the format.
    :raises OSError: when the file cannot be written.
    """
    # matplotlib logs about its fonts when it is imported.
    logging.getLogger('matplotlib').setLevel(logging.WARNING)
    import matplotlib
    from matplotlib import figure

    rows = max([len(panel.lives) for panel in panels] + [1])
    height = 0.9 if rows == 1 else 0.55 if rows <= 6 else 0.24
    states = {
        span.state
        for panel in panels
        for life in panel.lives
        for span in life.spans
    }
    legend_rows = -(-(len(states) + 6) // 6)
    below = 0.62 + 0.19 * legend_rows
    size = (
        max(11.0, 6.5 * len(panels)),
        0.65 + height * rows + below,
    )
    # Text stays text, and the same input makes the same file.
    settings = {
        'svg.fonttype': 'none',
        'svg.hashsalt': 'ironic-async-events',
        'font.family': 'sans-serif',
    }
    # All panels have the same scale, so they can be compared.
    seconds = max(panel.seconds for panel in panels)
    with matplotlib.rc_context(settings):
        picture = figure.Figure(figsize=size)
        axes = picture.subplots(1, len(panels), squeeze=False)[0]
        for panel, place in zip(panels, axes, strict=True):
            width = size[0] / len(panels)
            _draw_panel(place, panel, seconds, height, width)
        first = 1.1 if rows > 1 else 0.9
        picture.subplots_adjust(
            left=first / size[0],
            right=1 - 0.25 / size[0],
            top=1 - 0.5 / size[1],
            bottom=below / size[1],
            wspace=1.2 / (size[0] / len(panels)),
        )
        _legend(picture, sorted(states), size[1], height > 0.3)
        metadata = {'Date': None} if path.endswith('.svg') else {}
        picture.savefig(
            path,
            format=os.path.splitext(path)[1][1:],
            dpi=120,
            metadata=metadata,
        )


def _draw_panel(
    axes: Any, panel: Panel, seconds: float, height: float, width: float
) -> None:
    """Draw a panel."""
    unit, name = _unit(seconds)
    start = panel.start
    end = seconds / unit
    inch = end / max(1.0, width - 1.5)
    for row, life in enumerate(panel.lives):
        for span in life.spans:
            _draw_span(axes, row, span, start, unit, inch, height)
        if height > 0.3:
            for mark in life.marks:
                axes.plot(
                    (mark.time - start) / unit,
                    row - 0.36,
                    marker=_MARKERS.get(mark.status, 'o'),
                    color='black',
                    markersize=5,
                    clip_on=False,
                )
        for flag in life.flags:
            at = (flag.time - start) / unit
            axes.plot([at, at], [row - 0.5, row + 0.5], color=_WRONG, lw=1.6)
            axes.plot(
                at,
                row - 0.5,
                marker='v',
                color=_WRONG,
                markersize=9 if height > 0.3 else 4.5,
                clip_on=False,
            )
    rows = len(panel.lives)
    axes.set_xlim(0, end)
    axes.set_ylim(rows - 0.4, -0.75 if height > 0.3 else -0.6)
    axes.set_yticks(
        range(rows),
        [life.node[:8] for life in panel.lives],
        fontsize=9 if height > 0.3 else 7,
        family='monospace',
    )
    axes.set_xlabel(name, fontsize=9)
    axes.set_title(panel.title, fontsize=11, loc='left')
    axes.tick_params(axis='y', length=0)
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)


def _draw_span(
    axes: Any,
    row: int,
    span: timeline.Span,
    start: float,
    unit: int,
    inch: float,
    height: float,
) -> None:
    """Draw a state of a node as a bar."""
    colour = palette.colour(span.state)
    left, width = (span.start - start) / unit, (span.end - span.start) / unit
    axes.barh(
        row,
        width,
        left=left,
        height=0.5 if height > 0.3 else 0.72,
        color=colour,
        edgecolor='white' if span.sure else _WRONG,
        linewidth=0.4,
        hatch=None if span.sure else '////',
    )
    needed = (len(span.state) + 1) * _CHARACTER * inch
    if height > 0.3 and width > needed:
        axes.text(
            left + width / 2,
            row,
            span.state,
            ha='center',
            va='center',
            fontsize=8,
            color=palette.text_on(colour),
        )


def _legend(
    picture: Any, states: Sequence[str], height: float, marks: bool
) -> None:
    """Draw the legend of colours and marks."""
    from matplotlib import lines
    from matplotlib import patches

    entries: list[Any] = [
        patches.Patch(color=palette.colour(state), label=state)
        for state in states
    ]
    entries += [
        lines.Line2D([], [], color='black', marker=mark, lw=0, label=status)
        for status, mark in _MARKERS.items()
        if marks
    ]
    entries += [
        patches.Patch(
            facecolor='white', edgecolor=_WRONG, hatch='////', label='not sure'
        ),
        lines.Line2D(
            [], [], color=_WRONG, marker='v', lw=1.6, label='violation'
        ),
    ]
    picture.legend(
        handles=entries,
        loc='lower center',
        ncols=6,
        fontsize=8,
        frameon=False,
        bbox_to_anchor=(0.5, 0.08 / height),
    )
