# SPDX-License-Identifier: Apache-2.0
"""Runs the table and counts."""

import collections
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
from importlib import metadata
import unittest

from ironic.conductor import manager

from ironic_async_events.tests.unit.spawn_failures import base
from ironic_async_events.tests.unit.spawn_failures import cases
from ironic_async_events.tests.unit.spawn_failures import causes
from ironic_async_events.tests.unit.spawn_failures import outcome

#: As before, stuck, moved on: Ironic 39.0.0 without the plugin.
_STOCK: dict[type[causes.Cause], tuple[int, int, int]] = {
    causes.NoFreeWorker: (49, 14, 7),
    causes.CannotStartThread: (9, 41, 20),
}


@dataclasses.dataclass
class Report:
    """What became of all cases with one cause.

    :param cause: the cause.
    :param outcomes: of the cases that ran.
    :param skipped: names of the cases that do not exist here, with reason.
    :param broken: texts of the cases that could not be judged.
    """

    cause: causes.Cause
    outcomes: list[outcome.Outcome] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)
    broken: list[str] = dataclasses.field(default_factory=list)

    def fates(self) -> dict[outcome.Fate, int]:
        """Count the columns of the table."""
        counted = collections.Counter(each.fate for each in self.outcomes)
        return {fate: counted[fate] for fate in outcome.Fate}

    def faults(self, judge_error: bool = True) -> list[str]:
        """Say what is not as before.

        :param judge_error: whether the caller has to have got the error
            that the plugin promises.
        :returns: one text per case with faults.
        """
        lines = []
        for each in self.outcomes:
            faults = each.faults()
            if judge_error:
                faults.extend(self._judge_error(each))
            if faults:
                lines.append(f'{each.name}: ' + '; '.join(faults))
        return lines + self.broken

    def _judge_error(self, each: outcome.Outcome) -> Iterator[str]:
        if not each.awaited:
            return
        if type(each.error) is not self.cause.error:
            yield f'the caller got {each.error!r}'
            return
        # Ironic itself names no cause for a pool that rejects work.
        chained = each.error.__cause__ or each.error.__context__
        if self.cause.root and not isinstance(chained, self.cause.root):
            yield f'the error is chained to {chained!r}'


def run(
    cause: causes.Cause, table: Iterable[cases.Case] = cases.CASES
) -> Report:
    """Run every case with one cause.

    :param cause: why no worker starts.
    :param table: the cases.
    :returns: what became of them.
    """
    report = Report(cause)
    for case in table:
        if not hasattr(manager.ConductorManager, case.method):
            report.skipped.append(f'{case.name}: no {case.method}')
            continue
        if cause.only_staged and not case.staged:
            report.skipped.append(f'{case.name}: no state to save')
            continue
        test = base.SpawnFailure(case, cause)
        result = unittest.TestResult()
        test.run(result)
        report.skipped.extend(
            f'{case.name}: {reason}' for _, reason in result.skipped
        )
        report.broken.extend(
            f'{case.name}: {text}'
            for _, text in result.errors + result.failures
        )
        if test.seen is not None:
            report.outcomes.append(test.seen)
    return report


def stock_figures(cause: causes.Cause) -> tuple[int, int, int] | None:
    """Look up what stock Ironic does, where that has been counted.

    :param cause: why no worker starts.
    :returns: the counts in the order of the columns; None if this release
        or this cause has not been counted by hand.
    """
    if metadata.version('ironic') != '39.0.0':
        return None
    return _STOCK.get(type(cause))
