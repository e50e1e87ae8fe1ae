# SPDX-License-Identifier: Apache-2.0
"""Stock Ironic, the plugin, and the plugin with the outbox, side by side.

Ends with 0 when no figure misses its limit, with 1 when a figure does, and
with 2 when a figure could not be measured. Figures that were measured earlier
stay in the directory's file, so that the long form can be done in pieces.
"""

import argparse
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import logging
import pathlib
import sys
from typing import Any

from laboratory import command
from laboratory import service
from laboratory import tables
from laboratory.bench import figures
from laboratory.bench import judge
from laboratory.bench import load
from laboratory.bench import report
from laboratory.bench import sides

LOG = logging.getLogger('bench')

_FIGURES: Mapping[str, Callable[[sides.Form], Any]] = {
    'statements': load.measure_statements,
    'load': load.measure,
}
_DIRECTORY = pathlib.Path('build/benchmark')


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parse(arguments)
    logging.basicConfig(
        format='%(asctime)s %(message)s', datefmt='%H:%M:%S', level='ERROR'
    )
    for name in (LOG.name, 'laboratory'):
        logging.getLogger(name).setLevel(logging.INFO)
    return command.run('bench', lambda: _work(parsed))


def _work(parsed: argparse.Namespace) -> int:
    form = sides.form(parsed.long, parsed.rounds)
    if parsed.tree:
        _compare(form, parsed.tree).show()
        return 0
    document = report.opened(parsed.keep)
    for name in _FIGURES if parsed.only is None else parsed.only:
        LOG.info('%s', name)
        report.add(document, name, form, _FIGURES[name](form))
        # What was measured is not lost when something goes wrong later.
        report.save(document, parsed.keep)
    LOG.info('everything is measured')
    lines, again = judge.lines(document['figures']), None
    report.table(lines).show()
    if parsed.against:
        other = judge.lines(report.kept(parsed.against)['figures'])
        again = list(judge.again(lines, other))
        LOG.info('not so in %s:', parsed.against)
        report.table(again).show()
    if parsed.page:
        report.write_page(document, parsed.keep, again)
    verdicts = [line.verdict for line in (*lines, *(again or ()))]
    return int(figures.Verdict.MISSED in verdicts)


def _compare(form: sides.Form, trees: Sequence[pathlib.Path]) -> tables.Table:
    """Compare source trees with stock: no plugin, no limit."""
    compared = [
        sides.Side(f'patched{n}', tree=str(tree))
        for n, tree in enumerate(trees, 1)
    ]
    measured = load.measure(form, (sides.STOCK, *compared))
    names = [side.name for side in compared]
    return report.table(judge.load(measured, names))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(
        'bench',
        __doc__,
        long=(False, 'on PostgreSQL as well'),
        rounds=(6, 'how many paired rounds; six have every order'),
        keep=(_DIRECTORY, 'where figures are written and looked for'),
        against=(pathlib.Path, 'where a second run is that must agree'),
        page=(False, f'write {report.PAGE} with a picture there as well'),
    )
    parser.add_argument(
        '--only',
        nargs='*',
        choices=_FIGURES,
        help='measure these figures and keep the others; without a name only '
        'the report is made',
    )
    text = 'compare only the load of these patched sources with stock'
    parser.add_argument(
        '--tree', nargs='+', type=service.patched_tree, help=text
    )
    return parser.parse_args(arguments)


if __name__ == '__main__':
    sys.exit(main())
