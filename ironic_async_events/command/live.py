# SPDX-License-Identifier: Apache-2.0
"""The live view of a running audit."""

import collections
from collections.abc import Iterable
import time

from rich import box
from rich import console
from rich import live
from rich import table
from rich import text

from ironic_async_events.audit import summary
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

_SHOWN = 10
_EVERY = 0.25
_COLOURS = {
    Kind.LOST: 'bold red',
    Kind.OUT_OF_ORDER: 'bold yellow',
    Kind.DUPLICATE: 'cyan',
    Kind.ILLEGAL: 'bold magenta',
    Kind.UNFINISHED: 'blue',
}


class View:
    """Shows counts and the latest violations, on a terminal only.

    A context manager; used by the main thread.

    :param audit: the audit to show.
    :param title: the title of the view.
    :param terminal: the terminal.
    """

    def __init__(
        self, audit: summary.Audit, title: str, terminal: console.Console
    ) -> None:
        self._audit = audit
        self._title = title
        self._latest: collections.deque[Violation]
        self._latest = collections.deque(maxlen=_SHOWN)
        self._since = self._shown = time.monotonic()
        self._live = (
            live.Live(console=terminal, auto_refresh=False, transient=True)
            if terminal.is_terminal
            else None
        )

    def __enter__(self) -> 'View':
        if self._live is not None:
            self._live.start()
            self.update((), at_once=True)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(
        self,
        violations: Iterable[Violation],
        at_once: bool = False,
    ) -> None:
        """Refresh the view, at most four times a second.

        :param violations: new violations.
        :param at_once: refresh now, whatever the time since the last refresh.
        """
        self._latest.extend(violations)
        now = time.monotonic()
        if self._live is None or (now - self._shown < _EVERY and not at_once):
            return
        self._shown = now
        self._live.update(self.picture(now - self._since), refresh=True)

    def picture(self, seconds: float) -> console.RenderableType:
        """Return the content of the view.

        :param seconds: for how long the audit has been running.
        :returns: a renderable of rich.
        """
        audit = self._audit
        counts = table.Table(
            box=box.SIMPLE, title=text.Text(self._title), title_justify='left'
        )
        for name in ('messages', 'checked', 'nodes', 'held', 'malformed'):
            counts.add_column(name, justify='right')
        for kind in Kind:
            counts.add_column(kind.value, justify='right')
        counts.add_row(
            str(audit.messages),
            str(audit.checked),
            str(audit.nodes),
            str(audit.held),
            str(audit.malformed),
            *(
                text.Text(str(count), _COLOURS[kind] if count else 'green')
                for kind, count in audit.counts.items()
            ),
        )
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
