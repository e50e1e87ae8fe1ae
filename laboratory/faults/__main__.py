# SPDX-License-Identifier: Apache-2.0
"""Sweep and print the table; the exit status is 0 if nothing is broken."""

import argparse
import os
import sys

# Ironic's test cases end themselves after a while; a sweep takes longer.
os.environ['BASE_TEST_TIMEOUT'] = '0'

from ironic_async_events.task import patched
from laboratory.faults import bench
from laboratory.faults import report
from laboratory.faults import sweep


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f'python -m {__package__}', description=__doc__
    )
    parser.add_argument(
        '--stock', action='store_true', help='leave the plugin out'
    )
    parser.add_argument(
        '--outbox',
        choices=('with', 'without', 'both'),
        default='both',
        help='where notifications go',
    )
    parser.add_argument(
        '--case', metavar='ID', help='run one case and tell all about it'
    )
    parser.add_argument(
        '--operation', help='only operations whose name begins so', default=''
    )
    parser.add_argument(
        '--sample',
        type=int,
        metavar='N',
        help='of the cases that are not of the hand-over, only so many',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the sample')
    parser.add_argument(
        '--jobs', type=int, default=1, help='how many processes'
    )
    parser.add_argument(
        '--verbose', action='store_true', help='name what is broken'
    )
    return parser.parse_args()


def _worlds(arguments: argparse.Namespace) -> tuple[bench.World, ...]:
    if patched.is_patched():
        return (bench.World.PATCHED,)
    if arguments.stock:
        return (bench.World.STOCK,)
    both = (bench.World.PLUGIN, bench.World.OUTBOX)
    return tuple(
        each for each in both if arguments.outbox in (each.value, 'both')
    )


def _sweep(arguments: argparse.Namespace) -> bool:
    found = sweep.sweep(
        arguments.jobs,
        _worlds(arguments),
        arguments.operation,
        arguments.seed,
        arguments.sample,
    )
    for line in report.lines(found):
        print(line)
    if arguments.verbose:
        for result in found.broken:
            print(result.point.id)
            for name, text in result.violations:
                print(f'    {name}: {text}')
    for operation in found.operations:
        for name, text in operation.broken:
            print(
                f'{operation.world}:{operation.name} without a fault: '
                f'{name}: {text}'
            )
    return found.is_good


def main() -> int:
    """Run what the command line asks for.

    :returns: the exit status
    """
    arguments = _arguments()
    sweep.quiet()
    if arguments.case is None:
        return 0 if _sweep(arguments) else 1
    point = sweep.Point.parse(arguments.case)
    with bench.prepared(bench.World(point.world)) as conductor:
        seen = sweep.look(conductor, point)
    return 0 if report.show(point, seen) else 1


if __name__ == '__main__':
    sys.exit(main())
