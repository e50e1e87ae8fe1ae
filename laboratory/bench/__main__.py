# SPDX-License-Identifier: Apache-2.0
"""The command: measure, judge, and write down.

Figures that were measured earlier stay in the directory's file, so that the
long form can be done in pieces.
"""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import logging
import pathlib
import sys
from types import ModuleType

import rich.console
import rich.progress

from laboratory import errors
from laboratory import processes
from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import growth
from laboratory.bench import load
from laboratory.bench import locks
from laboratory.bench import memory
from laboratory.bench import page
from laboratory.bench import pictures
from laboratory.bench import report
from laboratory.bench import spawns
from laboratory.bench import startup
from laboratory.bench import statements
from laboratory.bench import trouble

FIGURES: Mapping[str, ModuleType] = {
    'locks': locks,
    'spawns': spawns,
    'statements': statements,
    'startup': startup,
    'trouble': trouble,
    'memory': memory,
    'growth': growth,
    'load': load,
}
"""Name -> the module that measures it, the short ones first."""

_DIRECTORY = pathlib.Path('build/benchmark')


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write down.

    :param arguments: of the command line.
    :returns: 0 when no figure misses, 1 when one does, 2 when something
        could not be measured.
    """
    parsed = _parse(arguments)
    processes.end_on_sigterm()
    for noisy in ('amqp', 'keystoneauth', 'openstack', 'urllib3'):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    console = rich.console.Console(width=None if sys.stdout.isatty() else 150)
    try:
        document = report.opened(parsed.keep)
        if parsed.only != []:
            _measure(console, parsed, document)
    except errors.LaboratoryError as error:
        console.print(f'bench: {error}', markup=False, style='red')
        return 2
    except KeyboardInterrupt:
        console.print('bench: interrupted', style='red')
        return 130
    found = report.lines(document)
    console.print(report.table(found))
    drawn = pictures.draw(document, parsed.keep)
    console.print(f'{parsed.keep / report.NAME}', markup=False)
    if parsed.page:
        page.write(document, drawn, parsed.keep)
    missed = any(one.verdict is figures.Verdict.MISSED for one in found)
    return 1 if missed else 0


def _measure(
    console: rich.console.Console,
    parsed: argparse.Namespace,
    document: report.Document,
) -> None:
    form = forms.LONG if parsed.long else forms.SHORT
    if parsed.rounds:
        form = dataclasses.replace(form, rounds=parsed.rounds)
    with rich.progress.Progress(
        rich.progress.TextColumn('{task.description:>10}'),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
        console=console,
    ) as progress:
        chosen = parsed.only or form.figures
        wanted = [one for one in FIGURES if one in chosen]
        tasks = {
            name: progress.add_task(
                name, start=False, total=FIGURES[name].steps(form)
            )
            for name in wanted
        }
        for name in wanted:
            progress.start_task(tasks[name])
            measured = FIGURES[name].measure(
                form, lambda task=tasks[name]: progress.advance(task)
            )
            report.add(document, name, form, measured)
            # What was measured is not lost when something goes wrong later.
            report.save(document, parsed.keep)
            progress.stop_task(tasks[name])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.bench',
        description='Measure stock Ironic, the plugin, and the plugin with '
        'the outbox side by side. Ends with 0 when no figure misses its '
        'limit, with 1 when one does.',
    )
    parser.add_argument(
        '--long', action='store_true', help='all of it, in more than an hour'
    )
    parser.add_argument(
        '--only',
        nargs='*',
        choices=FIGURES,
        metavar='FIGURE',
        help=f'measure only these of {", ".join(FIGURES)}; those in DIR stay '
        f'as they are. Without a name, only the report is made (default: '
        f'{", ".join(forms.SHORT.figures)}; with --long, all)',
    )
    parser.add_argument(
        '--rounds',
        type=_positive,
        help='how many paired rounds (default: 5)',
    )
    parser.add_argument(
        '--keep',
        type=pathlib.Path,
        default=_DIRECTORY,
        metavar='DIR',
        help=f'where figures and pictures are written, and where those of '
        f'earlier runs are found (default: {_DIRECTORY})',
    )
    parser.add_argument(
        '--page',
        action='store_true',
        help=f'make a page of all figures as well, DIR/{page.NAME}',
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text} is not at least 1')
    return number


if __name__ == '__main__':
    sys.exit(main())
