# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events timeline``."""

import argparse
import os
import time

from rich import console

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import rules
from ironic_async_events.audit import timeline
from ironic_async_events.audit.violation import Violation
from ironic_async_events.command import drawing
from ironic_async_events.command import reading
from ironic_async_events.command import sources
from ironic_async_events.command import terminal

#: At most this many notifications are drawn.
MOST = 1000000


class Timeline(reading.Reading):
    """Draw the provision states of nodes over time, from notifications.

    Provision states are coloured bars, notifications are marks, violations
    are red. A hatched bar means: the notification at its end has another
    previous state, so the node changed its state without a notification.

    The exit code is 0 if a picture was drawn, and 2 if the source had nothing
    to draw or could not be read.
    """

    several_files = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        picture = parser.add_argument_group('picture')
        picture.add_argument(
            '--output',
            metavar='PATH',
            help='write a picture, SVG or PNG by the suffix of the path '
            '(default: text on the terminal)',
        )
        picture.add_argument(
            '--title',
            metavar='TEXT',
            action='append',
            default=[],
            help='title of the picture; can be repeated, for each --file '
            '(default: the name of the file)',
        )
        picture.add_argument(
            '--node',
            metavar='UUID',
            action='append',
            default=[],
            help='show only this node, by its UUID or the beginning of its '
            'UUID; can be repeated (default: all nodes, nodes with '
            'violations first)',
        )
        picture.add_argument(
            '--limit',
            metavar='NUMBER',
            type=int,
            default=50,
            help='show at most this number of nodes (default: %(default)s)',
        )
        picture.add_argument(
            '--complete',
            action='store_true',
            help='mark every operation as unfinished that has not ended at '
            'the end of the recording',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Read the sources, then draw."""
        output = parsed_args.output
        if output and not output.endswith(drawing.FORMATS):
            raise sources.SourceError(
                f'cannot write {output}: the name of a picture must end in '
                f'{" or ".join(drawing.FORMATS)}'
            )
        titles = parsed_args.title
        panels = []
        for number, path in enumerate(parsed_args.file or [None]):
            lives = _read(parsed_args, path)
            if not lives:
                raise sources.SourceError(
                    f'nothing to draw: no provision-state notification of a '
                    f'chosen node in {path or "the messages of the bus"}'
                )
            title = os.path.basename(path or 'the bus')
            if number < len(titles):
                title = titles[number]
            panels.append((title, lives))
        if not output:
            # Not the application's stdout: rich detects the terminal itself.
            screen = console.Console(highlight=False)
            for title, lives in panels:
                terminal.show(title, lives, screen)
            return
        try:
            drawing.draw(panels, output)
        except ImportError as exc:
            raise sources.SourceError(
                f'a picture needs matplotlib: {exc}; install '
                f'ironic-async-events[audit]'
            ) from exc
        except OSError as exc:
            raise sources.SourceError(
                f'cannot write {output}: {exc.strerror}'
            ) from exc


def _read(args: argparse.Namespace, path: str | None) -> list[timeline.Life]:
    """Read a source, and choose the timelines to show."""
    observations: list[obs.Observation] = []
    violations: list[Violation] = []
    checker = rules.Checker()
    wanted = tuple(args.node) or ''

    def take(batch: list[obs.Seen]) -> None:
        for seen in batch:
            if (
                isinstance(seen, obs.Observation)
                and seen.node.startswith(wanted)
                and len(observations) < MOST
            ):
                observations.append(seen)
                violations.extend(checker.add(seen))

    reading.run(args, path, take)
    violations += checker.finish(args.complete)
    # The last states need some width.
    times = [seen.when for seen in observations if seen.when is not None]
    end = None
    if path is None:
        end = time.time()
    elif times:
        end = max(times) + (0.02 * (max(times) - min(times)) or 1.0)
    lives = timeline.lives(observations, violations, end)
    # Nodes with violations come first, so the limit hides none of them.
    lives.sort(key=lambda life: not life.flags)
    return lives[: args.limit]
