# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events audit``."""

import argparse
import time
from typing import Any

from cliff import lister
from rich import console

from ironic_async_events.audit import summary
from ironic_async_events.audit.violation import Violation
from ironic_async_events.command import live
from ironic_async_events.command import options
from ironic_async_events.command import sources

CLEAN = 0
VIOLATIONS = 1
NOTHING_READ = 2
NOTHING_CHECKED = 3
MALFORMED_ONLY = 4


class Audit(lister.Lister):
    """Check that provision-state notifications are complete and in order.

    Listens to the notifications of a deployment, or reads a recording. The
    notifications of each node must form one unbroken chain: the previous
    state of each notification is the state of the notification before. Other
    consumers still get every message.

    There are five kinds of violations. *Lost*: the previous state was never
    announced. *Out of order*: the notification arrived earlier or later than
    its states require. *Duplicate*: its message id was received before.
    *Illegal*: Ironic's state machine does not allow its step. *Unfinished*:
    an operation started, and neither end nor error came in time.

    The exit code is 0 if notifications were checked and there is no
    violation; 1 if there is a violation; 2 if the audit could not read or
    listen; 3 if no provision-state notification came, so that nothing was
    checked; 4 if nothing was checked and messages were malformed.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        options.add_sources(parser)
        rules = options.add_rules(parser)
        rules.add_argument(
            '--complete',
            action='store_true',
            help='report every operation as unfinished that has not ended at '
            'the end of the recording',
        )
        parser.add_argument(
            '--violations',
            action='store_true',
            help='print a row for each violation instead of the counts, '
            f'at most {summary.KEPT} rows',
        )
        parser.add_argument(
            '--no-live',
            action='store_true',
            help='print only the result, no live view',
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command.

        :param parsed_args: the parsed options.
        :returns: the exit code.
        """
        self.audit = summary.Audit(
            parsed_args.unfinished_after, parsed_args.hold
        )
        try:
            super().run(parsed_args)
        except sources.SourceError as exc:
            self.app.stderr.write(f'{exc}\n')
            return NOTHING_READ
        self._remark(parsed_args)
        return _code(self.audit)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Audit until the source ends, time is over, or Ctrl-C.

        :param parsed_args: the parsed options.
        :returns: the names of the columns, and the rows.
        :raises SourceError: when the source cannot be read.
        """
        audit = self.audit
        messages = options.source(parsed_args, parsed_args.file)
        title = parsed_args.file or 'the bus'
        terminal = console.Console(
            stderr=True, quiet=parsed_args.no_live, highlight=False
        )
        view = live.View(audit, f'Audit of {title}', terminal)

        def take(batch: list[sources.Seen]) -> None:
            violations: list[Violation] = []
            for seen in batch:
                violations += audit.take(seen)
            if messages.live:
                violations += audit.advance(time.time())
            view.update(violations)

        with view:
            options.run(messages, parsed_args.duration, take)
        audit.finish(parsed_args.complete)
        if parsed_args.violations:
            return _violations(audit)
        return ('What', 'Count'), list(audit.rows())

    def _remark(self, parsed_args: argparse.Namespace) -> None:
        """Print remarks on standard error."""
        audit = self.audit
        say = self.app.stderr.write
        if not audit.checked:
            say(
                'No provision-state notification was received. Check '
                'notification_level and [oslo_messaging_notifications] '
                'driver in ironic.conf.\n'
            )
        for reason, count in audit.reasons.most_common(5):
            say(f'{count} malformed: {reason}\n')
        total = sum(audit.counts.values())
        if total and not parsed_args.violations:
            say(f'{total} violations; --violations lists them\n')


def _code(audit: summary.Audit) -> int:
    """Return the exit code."""
    if not audit.clean:
        return VIOLATIONS
    if audit.checked:
        return CLEAN
    return MALFORMED_ONLY if audit.malformed else NOTHING_CHECKED


def _violations(
    audit: summary.Audit,
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return a row for each violation."""
    columns = (
        'Node',
        'Violation',
        'Time',
        'Event',
        'Previous State',
        'State',
        'Missing',
        'Detail',
        'Message ID',
    )
    rows = [
        (
            violation.node,
            violation.kind.value,
            _time(violation.observation.when),
            violation.observation.event,
            violation.observation.previous_state,
            violation.observation.state,
            violation.missing,
            violation.detail,
            violation.observation.message_id,
        )
        for violation in audit.violations
    ]
    return columns, rows


def _time(when: float | None) -> str | None:
    """Format a time as ISO 8601, UTC, with milliseconds."""
    if when is None:
        return None
    text = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(when))
    return f'{text}.{int(when % 1 * 1000):03d}Z'
