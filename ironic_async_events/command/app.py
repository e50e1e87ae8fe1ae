# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events``: the program and its commands."""

from collections.abc import Sequence
import importlib.metadata
import sys

from cliff import app
from cliff import commandmanager

from ironic_async_events.command import audit
from ironic_async_events.command import timeline

NAMESPACE = 'ironic_async_events.cli'
#: Name -> class: commands that need no Ironic and no installed package. The
#: other commands are entry points.
COMMANDS = {
    'audit': audit.Audit,
    'timeline': timeline.Timeline,
}


class Commands(commandmanager.CommandManager):
    """The commands of the program.

    :param namespace: the namespace of the entry points.
    """

    def __init__(self, namespace: str = NAMESPACE) -> None:
        super().__init__(namespace)
        for name, command in COMMANDS.items():
            self.add_command(name, command)


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
    """Run the program.

    :param argv: the arguments; by default the arguments of the process.
    :returns: the exit code.
    """
    code: int = App().run(sys.argv[1:] if argv is None else list(argv))
    return code
