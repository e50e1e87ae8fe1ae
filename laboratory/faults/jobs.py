# SPDX-License-Identifier: Apache-2.0
"""Some processes share the cases of a sweep."""

from concurrent import futures
import dataclasses
import logging
import multiprocessing
import sys
import warnings

from laboratory.faults import bench
from laboratory.faults import sweep
from laboratory.faults import world


@dataclasses.dataclass(frozen=True)
class Options:
    """What is swept.

    :param worlds: what is installed, one after the other
    :param operation: only operations whose name begins so
    :param seed: what the sample follows from
    :param sample: how many cases beside those of the hand-over; None for all
    """

    worlds: tuple[world.World, ...] = (world.World.PLUGIN,)
    operation: str = ''
    seed: int = 0
    sample: int | None = None


def work(options: Options, share: int, of: int) -> sweep.Report:
    """Run one share of the cases.

    Called by the main thread of a process.

    :param options: what is swept
    :param share: number of the share, from 0
    :param of: how many shares there are
    """
    names = [
        name for name in sweep.OPERATIONS if name.startswith(options.operation)
    ]
    report = sweep.Report([], [])
    for installed in options.worlds:
        with bench.prepared(installed) as conductor:
            operations = sweep.survey(conductor, names)
            points = sweep.choose(operations, options.seed, options.sample)
            report.operations.extend(operations)
            report.results.extend(
                sweep.run(conductor, each) for each in points[share::of]
            )
    return report


def quiet() -> None:
    """Let Ironic's fixtures and logs say nothing in this process."""
    warnings.showwarning = lambda *args, **kwargs: None
    logging.disable()
    # What Ironic puts there writes to a log that only the sweep reads.
    sys.excepthook = sys.__excepthook__


def run(options: Options, shares: list[int], of: int) -> sweep.Report:
    """Run some shares of the cases at the same time.

    :param options: what is swept
    :param shares: their numbers, from 0
    :param of: how many shares there are
    """
    if len(shares) == 1:
        return work(options, shares[0], of)
    with futures.ProcessPoolExecutor(
        len(shares), multiprocessing.get_context('spawn'), quiet
    ) as pool:
        running = [pool.submit(work, options, each, of) for each in shares]
        reports = [each.result() for each in running]
    return sweep.Report(
        reports[0].operations,
        [result for report in reports for result in report.results],
    )
