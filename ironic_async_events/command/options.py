# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and the source that they choose."""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import signal
import time
from typing import Any

from ironic_async_events.command import sources
from ironic_async_events.command import threads


def _positive(text: str) -> float:
    """Parse a number of seconds.

    :raises argparse.ArgumentTypeError: when the number is not above zero.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a number of seconds above zero'
        )
    return value


def add_sources(
    parser: argparse.ArgumentParser, several_files: bool = False
) -> None:
    """Add the options that choose the source of messages.

    :param parser: the parser of a command.
    :param several_files: whether ``--file`` can be given more than once.
    """
    files = parser.add_argument_group('recorded messages')
    files.add_argument(
        '--file',
        metavar='PATH',
        action='append' if several_files else 'store',
        help='read messages from a file instead of the bus, one JSON object '
        'per line: a notification, or a message in the wire format of '
        'oslo.messaging; "-" is standard input'
        + ('; can be repeated, for pictures side by side' * several_files),
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
        help='name of a queue that is kept when the command ends: the next '
        'run continues where this run stopped, and the queue fills in '
        'between (default: a new queue, which is deleted at the end)',
    )
    bus.add_argument(
        '--duration',
        metavar='SECONDS',
        type=_positive,
        help='end after this time (default: at Ctrl-C)',
    )


def add_rules(parser: argparse.ArgumentParser) -> Any:
    """Add the options of the rules that the audit applies.

    :param parser: the parser of a command.
    :returns: the group of these options.
    """
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


def source(args: argparse.Namespace, path: str | None) -> sources.Source:
    """Return the source that the options choose.

    :param args: the parsed options.
    :param path: the file to read; None to listen to the bus.
    :returns: the source, not entered yet.
    :raises SourceError: when no option names a source.
    """
    if path is not None:
        return sources.of_path(path)
    if not args.transport_url and not args.config_file:
        raise sources.SourceError(
            'nothing to read: give --file, --transport-url or --config-file'
        )
    threads.choose_native()
    try:
        from ironic_async_events.command import bus
    except ImportError as exc:
        raise sources.SourceError(
            f'cannot listen to a bus without oslo.messaging: {exc}'
        ) from exc
    return bus.Bus(
        args.transport_url,
        args.config_file,
        args.topic or (bus.TOPIC,),
        args.exchange,
        args.pool,
    )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Make SIGTERM end a run like Ctrl-C: with the result and clean-up."""

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(
    messages: sources.Source,
    duration: float | None,
    take: Callable[[list[sources.Seen]], None],
) -> None:
    """Read a source until it ends, time is over, or Ctrl-C.

    :param messages: the source; entered and closed here.
    :param duration: seconds after which to end; None for no limit.
    :param take: called with each batch, by the calling thread; with an empty
        batch when no message came for a while.
    :raises SourceError: when the source cannot be read.
    """
    try:
        with _interruptible(), messages:
            end = None if duration is None else time.monotonic() + duration
            for batch in messages.batches():
                take(batch)
                if end is not None and time.monotonic() >= end:
                    return
    except KeyboardInterrupt:
        return
