# SPDX-License-Identifier: Apache-2.0
"""What the commands that read messages share: options, source, exit code."""

import argparse
from collections.abc import Callable
import contextlib
import signal
import time
from typing import Any

from cliff import command

from ironic_async_events.audit import observation as obs
from ironic_async_events.command import sources


def _positive(text: str) -> float:
    """Parse a number of seconds."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < float('inf'):
            return float(text)
    raise argparse.ArgumentTypeError(
        f'{text!r} is not a number of seconds above zero'
    )


class Reading(command.Command):
    """Base of the commands that read messages."""

    #: Whether ``--file`` can be given more than once.
    several_files = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options that choose the source of messages."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        files = parser.add_argument_group('recorded messages')
        files.add_argument(
            '--file',
            metavar='PATH',
            action='append' if self.several_files else 'store',
            help='read messages from a file instead of the bus, one JSON '
            'object per line: a notification, or a message in the wire format '
            'of oslo.messaging; "-" is standard input'
            + '; can be repeated, for pictures side by side'
            * self.several_files,
        )
        bus = parser.add_argument_group('messages on the bus')
        bus.add_argument(
            '--transport-url',
            metavar='URL',
            help='transport URL of the bus, for example '
            'rabbit://user:password@host:5672/ (default: from the '
            'configuration files)',
        )
        bus.add_argument(
            '--config-file',
            metavar='PATH',
            action='append',
            default=[],
            help="Ironic's configuration file, for the transport URL and the "
            'options of the messaging driver; can be repeated',
        )
        bus.add_argument(
            '--topic',
            metavar='TOPIC',
            action='append',
            help='topic of the notifications, without a priority; can be '
            'repeated (default: ironic_versioned_notifications)',
        )
        bus.add_argument(
            '--exchange',
            metavar='NAME',
            default='ironic',
            help='exchange of the notifications (default: %(default)s)',
        )
        bus.add_argument(
            '--pool',
            metavar='NAME',
            help='name of a queue that is kept when the command ends: the '
            'next run continues where this run stopped, and the queue fills '
            'in between (default: a new queue, which is deleted at the end)',
        )
        bus.add_argument(
            '--duration',
            metavar='SECONDS',
            type=_positive,
            help='end after this time (default: at Ctrl-C)',
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; what cannot be read is one line and exit code 2."""
        try:
            return super().run(parsed_args)
        except sources.SourceError as exc:
            self.app.stderr.write(f'{exc}\n')
            return 2


def add_rules(parser: argparse.ArgumentParser) -> Any:
    """Add the options of the audit's rules; return their group."""
    rules = parser.add_argument_group('rules')
    rules.add_argument(
        '--unfinished-after',
        metavar='SECONDS',
        type=float,
        help='report an operation as unfinished when neither end nor '
        'error came within this time (default: never)',
    )
    rules.add_argument(
        '--hold',
        metavar='SECONDS',
        type=float,
        default=10.0,
        help='hold a notification that does not fit for this time before '
        'its predecessor counts as lost (default: %(default)g)',
    )
    return rules


def _source(
    args: argparse.Namespace, path: str | None
) -> contextlib.AbstractContextManager[sources.Batches]:
    """Return the source that the options choose, not open yet."""
    if path is not None:
        return sources.recording(path)
    if not args.transport_url and not args.config_file:
        raise sources.SourceError(
            'nothing to read: give --file, --transport-url or --config-file'
        )
    try:
        from ironic_async_events.command import ironic_conf

        ironic_conf.choose_native_threads()
        from ironic_async_events.command import bus
    except ImportError as exc:
        raise sources.SourceError(
            f'cannot listen to a bus without oslo.messaging: {exc}'
        ) from exc
    return bus.listen(
        args.transport_url,
        args.config_file,
        args.topic or (bus.TOPIC,),
        args.exchange,
        args.pool,
    )


def run(
    args: argparse.Namespace,
    path: str | None,
    take: Callable[[list[obs.Seen]], None],
) -> None:
    """Read a source until it ends, time is over, or Ctrl-C or SIGTERM.

    :param path: the file to read; None to listen to the bus.
    :param take: called with each batch, by the calling thread; with an empty
        batch when no message came for a while.
    :raises SourceError: when the source cannot be read.
    """
    # SIGTERM ends a run like Ctrl-C: with the result and clean-up.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _source(args, path) as batches:
            end = time.monotonic() + (args.duration or float('inf'))
            for batch in batches:
                take(batch)
                if time.monotonic() >= end:
                    return
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
