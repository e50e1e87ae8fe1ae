# SPDX-License-Identifier: Apache-2.0
"""The command: measure, judge, and write down.

Figures that were measured earlier stay in the directory's file, so that the
long form can be done in pieces.
"""

import argparse
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import logging
import pathlib
import sys
from typing import Any

import rich.console

from laboratory import errors
from laboratory import processes
from laboratory.bench import alone
from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import judge
from laboratory.bench import load
from laboratory.bench import memory
from laboratory.bench import pictures
from laboratory.bench import report
from laboratory.bench import startup
from laboratory.bench import statements
from laboratory.bench import trouble

LOG = logging.getLogger('bench')

FIGURES: Mapping[str, Callable[[forms.Form], Any]] = {
    'locks': alone.measure_locks,
    'spawns': alone.measure_spawns,
    'statements': statements.measure,
    'startup': startup.measure,
    'trouble': trouble.measure,
    'memory': memory.measure,
    'growth': statements.measure_growth,
    'load': load.measure,
}
"""Name -> what measures it, the short ones first."""

SHORT = ('statements', 'load')
"""What the short form measures when nothing is chosen."""

_DIRECTORY = pathlib.Path('build/benchmark')


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write down.

    :param arguments: of the command line.
    :returns: 0 when no figure misses, 1 when one does, 2 when something
        could not be measured.
    """
    parsed = _parser().parse_args(arguments)
    processes.end_on_sigterm()
    logging.basicConfig(
        format='%(asctime)s %(message)s', datefmt='%H:%M:%S', level='ERROR'
    )
    for name in (LOG.name, 'laboratory'):
        logging.getLogger(name).setLevel(logging.INFO)
    form = forms.LONG if parsed.long else forms.SHORT
    form = dataclasses.replace(form, rounds=parsed.rounds)
    wanted = parsed.only
    if wanted is None:
        wanted = FIGURES if parsed.long else SHORT
    try:
        document = report.opened(parsed.keep)
        for name in wanted:
            LOG.info('%s', name)
            report.add(document, name, form, FIGURES[name](form))
            # What was measured is not lost when something goes wrong later.
            report.save(document, parsed.keep)
    except errors.LaboratoryError as error:
        print(f'bench: {error}', file=sys.stderr)
        return 2
    LOG.info('everything is measured')
    lines = judge.lines(document['figures'])
    console = rich.console.Console(width=None if sys.stdout.isatty() else 150)
    console.print(report.table(lines))
    if parsed.page:
        page = report.page(document, pictures.draw(document, parsed.keep))
        (parsed.keep / report.PAGE).write_text(page, encoding='utf-8')
    missed = any(line.verdict is figures.Verdict.MISSED for line in lines)
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.bench',
        description='Measure stock Ironic, the plugin, and the plugin with '
        'the outbox side by side. Ends with 0 when no figure misses its '
        'limit, with 1 when one does.',
    )
    parser.add_argument(
        '--long', action='store_true', help='all of it, in some hours'
    )
    parser.add_argument(
        '--only',
        nargs='*',
        choices=FIGURES,
        metavar='FIGURE',
        help=f'measure only these of {", ".join(FIGURES)}; those in DIR stay '
        f'as they are. Without a name, only the report is made (default: '
        f'{", ".join(SHORT)}; with --long, all)',
    )
    parser.add_argument(
        '--rounds',
        type=int,
        choices=range(1, 100),
        default=5,
        metavar='N',
        help='how many paired rounds (default: 5)',
    )
    parser.add_argument(
        '--keep',
        type=pathlib.Path,
        default=_DIRECTORY,
        metavar='DIR',
        help=f'where figures are written, and where those of earlier runs '
        f'are found (default: {_DIRECTORY})',
    )
    parser.add_argument(
        '--page',
        action='store_true',
        help=f'make a page with pictures as well, DIR/{report.PAGE}',
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
