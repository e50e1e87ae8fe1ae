# SPDX-License-Identifier: Apache-2.0
"""Sweep and print the table; the exit status is 0 if nothing is broken."""

import argparse
from concurrent import futures
import functools
import logging
import multiprocessing
import os
import sys
import warnings

# Ironic's test cases end themselves after a while; a sweep takes longer.
os.environ['BASE_TEST_TIMEOUT'] = '0'
# Ironic's fixtures set filters of their own.
warnings.showwarning = lambda *args, **kwargs: None
logging.disable()

from ironic_async_events.tests.faults import bench  # noqa: E402
from ironic_async_events.tests.faults import sweep  # noqa: E402
from ironic_async_events.tests.faults import table  # noqa: E402
from ironic_async_events.tests.faults import verbose  # noqa: E402

# What Ironic puts there writes to a log that only the sweep reads.
sys.excepthook = sys.__excepthook__


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f'python -m {__package__}', description=__doc__
    )
    parser.add_argument(
        '--stock', action='store_true', help='leave the plugin out'
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
        '--share', default='1/1', metavar='I/N', help='only one of N parts'
    )
    parser.add_argument(
        '--verbose', action='store_true', help='name what is broken'
    )
    return parser.parse_args()


def _work(
    arguments: argparse.Namespace, share: int, of: int
) -> tuple[list[sweep.Operation], list[sweep.Result]]:
    """Run one part of the cases, in a process of its own."""
    sys.excepthook = sys.__excepthook__
    names = [
        name
        for name in sweep.OPERATIONS
        if name.startswith(arguments.operation)
    ]
    with bench.prepared(not arguments.stock) as conductor:
        operations = sweep.survey(conductor, names)
        points = sweep.choose(operations, arguments.seed, arguments.sample)
        results = [sweep.run(conductor, each) for each in points[share::of]]
    return operations, results


def _sweep(arguments: argparse.Namespace) -> bool:
    share, of = (int(number) for number in arguments.share.split('/'))
    jobs = arguments.jobs
    work = functools.partial(_work, arguments, of=of * jobs)
    shares = [(share - 1) * jobs + each for each in range(jobs)]
    if jobs == 1:
        parts = [work(share) for share in shares]
    else:
        with futures.ProcessPoolExecutor(
            jobs, multiprocessing.get_context('spawn')
        ) as pool:
            parts = list(pool.map(work, shares))
    operations = parts[0][0]
    results = [result for _, part in parts for result in part]
    for line in table.lines(operations, results):
        print(line)
    broken = [result for result in results if result.violations]
    if arguments.verbose:
        for result in broken:
            print(result.point.id)
            for name, text in result.violations:
                print(f'    {name}: {text}')
    for one in operations:
        for name, text in one.broken:
            print(f'{one.name} without a fault: {name}: {text}')
    return not broken and not any(one.broken for one in operations)


def main() -> int:
    """Run what the command line asks for.

    :returns: the exit status
    """
    arguments = _arguments()
    if arguments.case is None:
        return 0 if _sweep(arguments) else 1
    point = sweep.Point.parse(arguments.case)
    with bench.prepared(not arguments.stock) as conductor:
        seen = sweep.look(conductor, point)
    return 0 if verbose.show(point, seen) else 1


if __name__ == '__main__':
    sys.exit(main())
