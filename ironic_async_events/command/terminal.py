# SPDX-License-Identifier: Apache-2.0
"""What the commands show on a terminal: a live view, timelines as text."""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import datetime
import time

from rich import box
from rich import columns
from rich import console
from rich import live
from rich import table
from rich import text

from ironic_async_events.audit import summary
from ironic_async_events.audit import timeline
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation
from ironic_async_events.command import drawing

_LATEST = 10
_EVERY = 0.25
_COLOURS = {
    Kind.LOST: 'bold red',
    Kind.OUT_OF_ORDER: 'bold yellow',
    Kind.DUPLICATE: 'cyan',
    Kind.ILLEGAL: 'bold magenta',
    Kind.UNFINISHED: 'blue',
}
_WRONG = '#ffffff on #d40000'
#: At most this many lines of a history are printed.
_LINES = 200


class View:
    """Shows counts and the latest violations, on a terminal only.

    A context manager; used by the main thread.
    """

    def __init__(
        self, audit: summary.Audit, title: str, terminal: console.Console
    ) -> None:
        self._audit = audit
        self._title = title
        self._latest = collections.deque[Violation](maxlen=_LATEST)
        self._since, self._shown = time.monotonic(), 0.0
        self._live = live.Live(
            console=terminal, auto_refresh=False, transient=True
        )

    def __enter__(self) -> 'View':
        if self._live.console.is_terminal:
            self._live.start()
            self.update(())
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def update(self, violations: Iterable[Violation]) -> None:
        """Refresh the view, at most four times a second."""
        self._latest.extend(violations)
        now = time.monotonic()
        if self._live.is_started and now - self._shown >= _EVERY:
            self._shown = now
            self._live.update(self.picture(now - self._since), refresh=True)

    def picture(self, seconds: float) -> console.Group:
        """Return the content of the view, after some seconds."""
        audit = self._audit
        cells = {
            name: text.Text(str(getattr(audit, name)))
            for name in ('messages', 'checked', 'nodes', 'held', 'malformed')
        }
        for kind, count in audit.counts.items():
            style = _COLOURS[kind] if count else 'green'
            cells[kind.value] = text.Text(str(count), style)
        counts = table.Table(
            *(table.Column(name, justify='right') for name in cells),
            box=box.SIMPLE,
            title=text.Text(self._title),
            title_justify='left',
        )
        counts.add_row(*cells.values())
        foot = text.Text(f'{seconds:.0f} s; Ctrl-C ends the audit', 'dim')
        if not self._latest:
            return console.Group(counts, foot)
        # Kind and node are never shortened, the text is.
        latest = table.Table(box=box.SIMPLE, show_header=False, expand=True)
        for least in (12, 36):
            latest.add_column(min_width=least, no_wrap=True)
        latest.add_column(ratio=1, overflow='ellipsis', no_wrap=True)
        for violation in self._latest:
            latest.add_row(
                text.Text(violation.kind.value, _COLOURS[violation.kind]),
                text.Text(violation.node),
                text.Text(f'{violation.observation}: {violation.detail}'),
            )
        return console.Group(counts, latest, foot)


def show(
    title: str, lives: Sequence[timeline.Life], terminal: console.Console
) -> None:
    """Print timelines as text; a single timeline also as a table."""
    start, seconds = timeline.extent(lives)
    width = max(20, terminal.width - 12)
    terminal.print(text.Text(f'{title}: {seconds:.1f} s', 'bold'))
    for life in lives:
        line = text.Text(f'{life.node[:8]:8}  ')
        terminal.print(line + _bar(life, start, width / seconds, width))
    names = {span.state for life in lives for span in life.spans}
    legend = [text.Text(f' {name} ', _style(name)) for name in sorted(names)]
    legend.append(text.Text('/ not sure'))
    legend.append(text.Text.assemble(('!', _WRONG), ' violation'))
    terminal.print(columns.Columns(legend))
    if len(lives) == 1:
        terminal.print(_history(lives[0]))


def _style(state: str) -> str:
    back = drawing.colour(state)
    return f'{drawing.text_on(back)} on {back}'


def _bar(
    life: timeline.Life, start: float, scale: float, width: int
) -> text.Text:
    """Draw the states of a node as a bar of characters.

    A character shows the state at its end, or a violation. The scale is in
    characters for each second.
    """
    bar = text.Text(' ' * width, no_wrap=True)
    for span in life.spans:
        first, end = (
            min(width, int((moment - start) * scale + 1e-6))
            for moment in (span.start, span.end)
        )
        size = end - first
        if not size:
            continue
        # Without colours the name shows the state, as far as it fits.
        name = span.state[: max(1, size - 1)].ljust(size)
        if not span.sure:
            name = name[0].ljust(size, '/')
        shown = text.Text(name, _style(span.state))
        bar = bar[:first] + shown + bar[end:]
    for flag in life.flags:
        place = int((flag.time - start) * scale)
        place = max(0, min(width - 1, place))
        bar = bar[:place] + text.Text('!', _WRONG) + bar[place + 1 :]
    return bar


def _history(life: timeline.Life) -> table.Table:
    """Return a table of the notifications and violations of a node."""
    lines = table.Table('time (UTC)', 'status', 'notification', box=box.SIMPLE)
    entries = [
        *((mark.time, 0, mark.status, mark.text, '') for mark in life.marks),
        *(
            (flag.time, 1, flag.kind.value, flag.text, 'bold red')
            for flag in life.flags
        ),
    ]
    for when, _order, status, what, style in sorted(entries)[:_LINES]:
        moment = datetime.datetime.fromtimestamp(when, datetime.UTC)
        lines.add_row(
            f'{moment:%Y-%m-%d %H:%M:%S.%f}'[:-3],
            text.Text(status, style),
            text.Text(what.removesuffix(f' ({status})'), style),
        )
    return lines
