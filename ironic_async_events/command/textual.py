# SPDX-License-Identifier: Apache-2.0
"""Lives of nodes as text for the terminal."""

from collections.abc import Sequence
import datetime

from rich import box
from rich import console
from rich import table
from rich import text

from ironic_async_events.audit import timeline
from ironic_async_events.command import palette

_WRONG = '#ffffff on #d40000'
#: A history of more lines than this is told by its bar alone.
_LINES = 200


def _bar(
    life: timeline.Life, start: float, seconds: float, width: int
) -> text.Text:
    """Draw the states of one node into so many characters.

    A character shows the state at its end; a red one holds a violation.
    """
    bar = text.Text(no_wrap=True)
    wrong = {
        min(width - 1, int((flag.time - start) / seconds * width)): flag
        for flag in life.flags
    }
    spans = iter(life.spans)
    span = next(spans, None)
    for place in range(width):
        moment = start + (place + 1) * seconds / width
        while span is not None and span.end < moment - 1e-9:
            span = next(spans, None)
        if place in wrong:
            bar.append('!', _WRONG)
        elif span is None or span.start > moment:
            bar.append(' ')
        else:
            colour = palette.colour(span.state)
            style = f'{palette.text_on(colour)} on {colour}'
            bar.append(' ' if span.sure else '/', style)
    return bar


def _legend(lives: Sequence[timeline.Life]) -> text.Text:
    """Say what the colours mean."""
    legend = text.Text()
    for state in sorted({span.state for one in lives for span in one.spans}):
        legend.append('  ', f'on {palette.colour(state)}')
        legend.append(f' {state}  ')
    legend.append('/', 'bold')
    legend.append(' not sure  ')
    legend.append('!', _WRONG)
    legend.append(' violation')
    return legend


def _history(life: timeline.Life) -> table.Table:
    """List the notifications of one node, and what was wrong."""
    lines = table.Table(box=box.SIMPLE)
    for name in ('time (UTC)', 'status', 'notification'):
        lines.add_column(name)
    entries = [
        *((mark.time, 0, mark.status, mark.text, '') for mark in life.marks),
        *(
            (flag.time, 1, flag.kind.value, flag.text, 'bold red')
            for flag in life.flags
        ),
    ]
    for time, _order, status, what, style in sorted(entries)[:_LINES]:
        moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
        lines.add_row(
            f'{moment:%Y-%m-%d %H:%M:%S.%f}'[:-3],
            text.Text(status, style),
            text.Text(what.removesuffix(f' ({status})'), style),
        )
    return lines


def show(
    title: str, lives: Sequence[timeline.Life], terminal: console.Console
) -> None:
    """Print lives.

    :param title: what stands above them.
    :param lives: the nodes, from top to bottom; one alone is told in words
        as well.
    :param terminal: where to print.
    """
    start = min((life.start for life in lives), default=0.0)
    ends = [span.end for life in lives for span in life.spans]
    seconds = max([*ends, start + 1e-3]) - start
    width = max(20, terminal.width - 12)
    terminal.print(text.Text(f'{title}: {seconds:.1f} s', 'bold'))
    for life in lives:
        line = text.Text(f'{life.node[:8]:8}  ')
        terminal.print(line + _bar(life, start, seconds, width))
    terminal.print(_legend(lives))
    if len(lives) == 1:
        terminal.print(_history(lives[0]))
