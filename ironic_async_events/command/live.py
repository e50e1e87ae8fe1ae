# SPDX-License-Identifier: Apache-2.0
"""What is shown while an audit runs."""

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
    """Counts and the latest violations, on a terminal; else nothing.

    A context manager; used by the main thread.

    :param audit: what is shown.
    :param title: what is audited.
    :param terminal: where it is shown.
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
        """Show what has changed, four times a second at the most.

        :param violations: the violations that are new.
        :param at_once: show it even if something was shown just now.
        """
        self._latest.extend(violations)
        now = time.monotonic()
        if self._live is None or (now - self._shown < _EVERY and not at_once):
            return
        self._shown = now
        self._live.update(self.picture(now - self._since), refresh=True)

    def picture(self, seconds: float) -> console.RenderableType:
        """Return what is to be shown.

        :param seconds: for how long the audit has been running.
        :returns: something that rich can print.
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
        # The name and the node are never cut short, the words are.
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
