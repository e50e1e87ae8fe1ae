# SPDX-License-Identifier: Apache-2.0
"""Some processes share the cases of a sweep."""

from collections.abc import Sequence
from concurrent import futures
import logging
import multiprocessing
import sys
from typing import Any
import warnings

from laboratory.faults import bench
from laboratory.faults import sweep


def work(
    worlds: Sequence[bench.World],
    operation: str,
    seed: int,
    sample: int | None,
    share: int,
    of: int,
) -> sweep.Report:
    """Run one share of the cases.

    Called by the main thread of a process.

    :param worlds: what is installed, one after the other
    :param operation: only operations whose name begins so
    :param seed: what the sample follows from
    :param sample: how many cases beside those of the hand-over; None for all
    :param share: number of the share, from 0
    :param of: how many shares there are
    """
    names = [name for name in sweep.OPERATIONS if name.startswith(operation)]
    report = sweep.Report([], [])
    for installed in worlds:
        with bench.prepared(installed) as conductor:
            operations = sweep.survey(conductor, names)
            points = sweep.choose(operations, seed, sample)
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


def run(count: int, *what: Any) -> sweep.Report:
    """Run the cases in some processes at the same time.

    :param count: how many
    :param what: the first arguments of :func:`work`
    """
    if count == 1:
        return work(*what, 0, 1)
    with futures.ProcessPoolExecutor(
        count, multiprocessing.get_context('spawn'), quiet
    ) as pool:
        running = [
            pool.submit(work, *what, each, count) for each in range(count)
        ]
        reports = [each.result() for each in running]
    return sweep.Report(
        reports[0].operations,
        [result for report in reports for result in report.results],
    )
