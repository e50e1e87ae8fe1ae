# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events``: the program and its commands."""

from collections.abc import Sequence
import importlib.metadata
import sys

from cliff import app
from cliff import commandmanager

from ironic_async_events.command import audit
from ironic_async_events.command import timeline


class Commands(commandmanager.CommandManager):
    """The commands of the program.

    Two of them need no Ironic and no installed package. The other commands
    are entry points.
    """

    def __init__(self) -> None:
        super().__init__('ironic_async_events.cli')
        self.add_command('audit', audit.Audit)
        self.add_command('timeline', timeline.Timeline)


class App(app.App):
    """Check provision-state notifications; manage the outbox."""

    # Without --verbose, INFO lines of libraries are not shown.
    DEFAULT_VERBOSE_LEVEL = 0

    def __init__(self) -> None:
        try:
            version = importlib.metadata.version('ironic-async-events')
        except importlib.metadata.PackageNotFoundError:
            version = 'unknown'
        super().__init__(
            description='Check provision-state notifications of Ironic, and '
            'manage the outbox.',
            version=version,
            command_manager=Commands(),
            deferred_help=True,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return the exit code."""
    return App().run(sys.argv[1:] if argv is None else list(argv))
