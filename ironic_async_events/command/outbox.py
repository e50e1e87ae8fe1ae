# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events outbox``: list, retry and purge dead letters."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from cliff import command
from cliff import lister
from cliff import show

from ironic_async_events.command import ironic_conf
from ironic_async_events.outbox import message
from ironic_async_events.outbox import store


class NotSetAside(SystemExit):
    """A given message is not set aside.

    Ends the program with one line: when Ironic logs to a file, an uncaught
    error shows nothing on the terminal.
    """


class _Outbox:
    """Base of the commands: reads Ironic's configuration."""

    def get_parser(self, name: str) -> argparse.ArgumentParser:
        """Add the option for the configuration."""
        parser: argparse.ArgumentParser = super().get_parser(  # type: ignore[misc]
            name
        )
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
            code: int = super().run(parsed_args)  # type: ignore[misc]
        return code

    def open(self, arguments: argparse.Namespace) -> None:
        """Read the configuration, and check the tables."""
        ironic_conf.prepare()
        ironic_conf.read((), arguments.config_file)
        from ironic_async_events.outbox import schema

        schema.check(ironic_conf.engine())


class Status(_Outbox, show.ShowOne):
    """Show the backlog, its age, and the relay that leads."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Run the command."""
        self.open(parsed_args)
        backlog = store.backlog()
        holder, seconds = store.leader()
        return (
            (
                'waiting',
                'refused',
                'oldest_seconds',
                'set_aside',
                'relay',
                'lease',
            ),
            (
                backlog.count,
                backlog.refused,
                round(backlog.seconds, 3),
                backlog.set_aside,
                holder if seconds else 'none',
                round(seconds, 3),
            ),
        )


class List(_Outbox, lister.Lister):
    """List the messages that are set aside: the dead letters."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        """Run the command."""
        self.open(parsed_args)
        return (
            ('id', 'message_id', 'type', 'about', 'seconds', 'tries', 'error'),
            [
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
            ],
        )


class _Named(_Outbox, command.Command):
    """Base of commands that change the given messages."""

    def get_parser(self, name: str) -> argparse.ArgumentParser:
        """Add the numbers of the messages."""
        parser = super().get_parser(name)
        parser.add_argument(
            'id',
            type=int,
            nargs='+',
            help='number of a message that is set aside, see "outbox list"',
        )
        return parser

    def report(self, wanted: Sequence[int], set_aside: set[int]) -> None:
        """Fail if a given message is not set aside.

        :param wanted: the given numbers
        :param set_aside: the numbers that were set aside
        :raises NotSetAside: when a given number was not set aside
        """
        missing = sorted(set(wanted) - set_aside)
        if missing:
            raise NotSetAside(
                'not set aside: '
                + ', '.join(map(str, missing))
                + '; see "outbox list"'
            )


class Retry(_Named):
    """Put messages that are set aside back into the outbox.

    The relay publishes them out of order: later messages were published
    before them.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Run the command."""
        self.open(parsed_args)
        self.report(parsed_args.id, store.retry(parsed_args.id))


class Purge(_Named):
    """Delete messages that are set aside, without publishing them."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Run the command."""
        self.open(parsed_args)
        self.report(parsed_args.id, store.purge(parsed_args.id))


def _event_type(body: str) -> str:
    try:
        return str(message.Message.decode(body).body.get('event_type'))
    except (ValueError, AttributeError):
        return 'unreadable'
