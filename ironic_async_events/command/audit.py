# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events audit``."""

import argparse
from collections.abc import Sequence
import datetime
import time
from typing import Any

from cliff import lister
from rich import console

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import summary
from ironic_async_events.audit.violation import Violation
from ironic_async_events.command import reading
from ironic_async_events.command import terminal


class Audit(reading.Reading, lister.Lister):
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
        parser = super().get_parser(prog_name)
        rules = reading.add_rules(parser)
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
        """Run the command, and print remarks on standard error."""
        audit = self.audit = summary.Audit(
            parsed_args.unfinished_after, parsed_args.hold
        )
        code = super().run(parsed_args)
        if code:
            return code
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
        if not audit.clean:
            return 1
        if audit.checked:
            return 0
        return 4 if audit.malformed else 3

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        """Audit until the source ends, time is over, or Ctrl-C."""
        audit = self.audit
        path = parsed_args.file
        view = terminal.View(
            audit,
            f'Audit of {path or "the bus"}',
            console.Console(
                stderr=True, quiet=parsed_args.no_live, highlight=False
            ),
        )

        def take(batch: list[obs.Seen]) -> None:
            violations: list[Violation] = []
            for seen in batch:
                violations += audit.take(seen)
            if path is None:
                violations += audit.advance(time.time())
            view.update(violations)

        with view:
            reading.run(parsed_args, path, take)
        audit.finish(parsed_args.complete)
        if not parsed_args.violations:
            return ('What', 'Count'), audit.rows()
        return _COLUMNS, list(map(_row, audit.violations))


_COLUMNS = (
    *('Node', 'Violation', 'Time', 'Event', 'Previous State', 'State'),
    *('Missing', 'Detail', 'Message ID'),
)


def _row(violation: Violation) -> tuple[Any, ...]:
    seen, sent = violation.observation, None
    if seen.when is not None:
        moment = datetime.datetime.fromtimestamp(seen.when, datetime.UTC)
        sent = f'{moment:%Y-%m-%dT%H:%M:%S.%f}'[:-3] + 'Z'
    return (
        seen.node,
        violation.kind.value,
        sent,
        seen.event,
        seen.previous_state,
        seen.state,
        violation.missing,
        violation.detail,
        seen.message_id,
    )
