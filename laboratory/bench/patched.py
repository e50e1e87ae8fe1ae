# SPDX-License-Identifier: Apache-2.0
"""Compare patched source trees of Ironic with the installed, stock Ironic.

Nothing of the plugin is active. Prints ratios to stock and judges none.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import logging
import sys
from typing import Any

import rich.console
import rich.table

from laboratory import errors
from laboratory import processes
from laboratory import service
from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import judge
from laboratory.bench import load
from laboratory.bench import sides


def _rows(
    measured: load.Figures, names: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    """Return a row for each figure, with a ratio for each tree."""
    for backend, found in measured.items():
        for clients, rounds in found['clients'].items():
            for name, title in judge.TITLES.items():
                yield (
                    backend,
                    clients,
                    title,
                    *(_ratio(rounds, side, name) for side in names),
                )
        books: Mapping[str, Any] = found['notifications']
        lost = [f'{books[s]["lost"]} of {books[s]["expected"]}' for s in names]
        stock = books[sides.STOCK.name]
        yield (
            backend,
            'all',
            f'notifications lost (stock {stock["lost"]} of '
            f'{stock["expected"]})',
            *lost,
        )


def _ratio(rounds: Sequence[load.Figures], side: str, name: str) -> str:
    done = [
        one
        for one in rounds
        if not any(load.FAILED in one[who] for who in (sides.STOCK.name, side))
    ]
    if not done:
        return 'no round'
    return figures.ratio(done, side, name).text()


def main() -> int:
    """Measure and print.

    :returns: 0, or 2 when something could not be measured.
    """
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.bench.patched', description=__doc__
    )
    parser.add_argument(
        'trees', nargs='+', type=service.patched_tree, metavar='TREE'
    )
    parser.add_argument('--rounds', type=int, default=5)
    args = parser.parse_args()
    processes.end_on_sigterm()
    logging.basicConfig(format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    logging.getLogger('laboratory').setLevel(logging.INFO)
    trees = [
        sides.Side(f'patched{number}', tree=str(tree))
        for number, tree in enumerate(args.trees, 1)
    ]
    form = dataclasses.replace(forms.SHORT, rounds=args.rounds)
    try:
        measured = load.measure(form, (sides.STOCK, *trees))
    except errors.LaboratoryError as error:
        print(f'bench: {error}', file=sys.stderr)
        return 2
    table = rich.table.Table(
        'backend', 'clients', 'figure', *(tree.name for tree in args.trees)
    )
    for row in _rows(measured, [side.name for side in trees]):
        table.add_row(*row)
    console = rich.console.Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    return 0


if __name__ == '__main__':
    sys.exit(main())
