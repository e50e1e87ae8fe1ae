# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events outbox``: list, retry and purge dead letters."""

import argparse
from collections.abc import Callable
from typing import Any

from cliff import command
from cliff import lister
from cliff import show

from ironic_async_events.command import ironic_conf
from ironic_async_events.outbox import message
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import store

_LISTED = ('id', 'message_id', 'type', 'about', 'seconds', 'tries', 'error')


class NotSetAside(SystemExit):
    """A given message is not set aside.

    Ends the program with one line: when Ironic logs to a file, an uncaught
    error shows nothing on the terminal.
    """


class _Outbox(command.Command):
    """Base of the commands: reads Ironic's configuration."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the option for the configuration."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            '--config-file',
            action='append',
            default=[],
            metavar='FILE',
            help="Ironic's configuration file; can be repeated (default: the "
            'files that Ironic itself reads)',
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; a database error ends it with one line."""
        with ironic_conf.database():
            ironic_conf.prepare()
            ironic_conf.read((), parsed_args.config_file)
            schema.check(ironic_conf.engine())
            code: int = super().run(parsed_args)
        return code


class Status(_Outbox, show.ShowOne):
    """Show the backlog, its age, and the relay that leads."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the figures by name."""
        backlog = store.backlog()
        holder, lease = store.leader()
        figures = {
            'waiting': backlog.count,
            'refused': backlog.refused,
            'oldest_seconds': round(backlog.seconds, 3),
            'set_aside': backlog.set_aside,
            'relay': holder if lease else 'none',
            'lease': round(lease, 3),
        }
        return tuple(figures), tuple(figures.values())


class List(_Outbox, lister.Lister):
    """List the messages that are set aside: the dead letters."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the names of the columns, and the rows."""
        return _LISTED, [
            (
                row.id,
                row.message_id,
                _event_type(row.body),
                row.subject,
                round(row.seconds),
                row.attempts,
                row.error,
            )
            for row in store.list_set_aside()
        ]


class _Named(_Outbox):
    """Base of commands that change the given messages.

    :cvar change: changes messages; returns which of them were set aside.
    """

    change: Callable[[list[int]], set[int]]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the numbers of the messages."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'id',
            type=int,
            nargs='+',
            help='number of a message that is set aside, see "outbox list"',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Change the messages; name those that are not set aside."""
        missing = sorted(set(parsed_args.id) - self.change(parsed_args.id))
        if missing:
            numbers = ', '.join(map(str, missing))
            raise NotSetAside(f'not set aside: {numbers}; see "outbox list"')


class Retry(_Named):
    """Put messages that are set aside back into the outbox.

    The relay publishes them out of order: later messages were published
    before them.
    """

    change = staticmethod(store.retry)


class Purge(_Named):
    """Delete messages that are set aside, without publishing them."""

    change = staticmethod(store.purge)


def _event_type(body: str) -> str:
    try:
        return str(message.Message.decode(body).body.get('event_type'))
    except (ValueError, AttributeError):
        return 'unreadable'
