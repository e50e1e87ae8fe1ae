# SPDX-License-Identifier: Apache-2.0
"""Print timelines of nodes as text on the terminal."""

from collections.abc import Sequence
import datetime
import itertools

from rich import box
from rich import columns
from rich import console
from rich import table
from rich import text

from ironic_async_events.audit import timeline
from ironic_async_events.command import palette

_WRONG = '#ffffff on #d40000'
#: At most this many lines of a history are printed.
_LINES = 200


def _bar(
    life: timeline.Life, start: float, seconds: float, width: int
) -> text.Text:
    """Draw the states of a node as a bar of characters.

    A character shows the state at its end, or a violation.
    """
    spans = iter(life.spans)
    span = next(spans, None)
    cells: list[timeline.Span | None] = []
    for place in range(width):
        moment = start + (place + 1) * seconds / width
        while span is not None and span.end < moment - 1e-9:
            span = next(spans, None)
        begun = span is not None and span.start <= moment
        cells.append(span if begun else None)
    bar = text.Text(no_wrap=True)
    for shown, group in itertools.groupby(cells):
        size = len(list(group))
        if shown is None:
            bar.append(' ' * size)
            continue
        # Without colours the name shows the state, as far as it fits.
        name = shown.state[: max(1, size - 1)].ljust(size)
        if not shown.sure:
            name = name[0].ljust(size, '/')
        colour = palette.colour(shown.state)
        bar.append(name, f'{palette.text_on(colour)} on {colour}')
    for flag in life.flags:
        place = int((flag.time - start) / seconds * width)
        place = max(0, min(width - 1, place))
        bar = bar[:place] + text.Text('!', _WRONG) + bar[place + 1 :]
    return bar


def _legend(lives: Sequence[timeline.Life]) -> columns.Columns:
    """Return the legend of the colours."""
    entries = []
    for state in sorted({span.state for life in lives for span in life.spans}):
        colour = palette.colour(state)
        style = f'{palette.text_on(colour)} on {colour}'
        entries.append(text.Text.assemble((f' {state} ', style)))
    entries.append(text.Text('/ not sure'))
    entries.append(text.Text.assemble(('!', _WRONG), ' violation'))
    return columns.Columns(entries)


def _history(life: timeline.Life) -> table.Table:
    """Return a table of the notifications and violations of a node."""
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
    """Print timelines.

    :param title: the title.
    :param lives: the timelines, from top to bottom; a single timeline is also
        listed as a table.
    :param terminal: the terminal.
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
