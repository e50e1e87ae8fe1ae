# SPDX-License-Identifier: Apache-2.0
"""Paired ratios, their spread, and what they say about a limit; pure.

A round of the plugin is compared with the round of stock beside it, so that
what slows the whole machine down for a while slows both of them.
"""

from collections.abc import Sequence
import dataclasses
import enum
import math
import statistics

CONFIDENCE = 0.92
"""What an interval shall cover at least; all of five rounds cover more."""

ENOUGH = 5
"""With fewer rounds an interval covers too little to decide anything."""

CPU_LIMIT = 1.02
"""What the ratio of the CPU seconds may be."""


class Verdict(enum.StrEnum):
    """What a figure says about its limit."""

    MET = 'met'
    MISSED = 'missed'
    UNDECIDED = 'undecided'
    REPORTED = 'reported'


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """Values of some rounds, or their ratios.

    :param middle: the median.
    :param low: where the interval of the median begins.
    :param high: where it ends.
    :param rounds: how many there were.
    """

    middle: float
    low: float
    high: float
    rounds: int

    def text(self, digits: int = 2) -> str:
        """Write it down."""
        return (
            f'{self.middle:.{digits}f} '
            f'({self.low:.{digits}f} to {self.high:.{digits}f})'
        )


def spread(values: Sequence[float]) -> Spread:
    """Compute the median and its interval.

    The interval is that of the sign test, which assumes nothing of how the
    values are distributed: it reaches from the value that has ``k`` below it
    to the one that has ``k`` above it. With fewer than eight values it is
    all of them, which covers less when they are fewer than five.

    :param values: at least one.
    """
    ordered = sorted(values)
    number = len(ordered)
    # How often all values but so many are on one side of the true median.
    outside = [
        2 * sum(math.comb(number, i) for i in range(one + 1)) / 2**number
        for one in range((number + 1) // 2)
    ]
    k = max(
        (i for i, share in enumerate(outside) if share <= 1 - CONFIDENCE),
        default=0,
    )
    return Spread(
        statistics.median(ordered), ordered[k], ordered[-1 - k], number
    )


def ratios(those: Sequence[float], stock: Sequence[float]) -> Spread:
    """Compare rounds, each with the round of stock beside it.

    :param those: one value for each round.
    :param stock: stock's values, all of them greater than zero.
    """
    return spread([x / y for x, y in zip(those, stock, strict=True)])


def differences(those: Sequence[float], stock: Sequence[float]) -> Spread:
    """As :func:`ratios`, for what is added."""
    return spread([x - y for x, y in zip(those, stock, strict=True)])


def at_most(found: Spread, limit: float) -> Verdict:
    """Hold a spread against an upper limit.

    :param found: the spread.
    :param limit: what it may be.
    """
    if found.rounds < ENOUGH:
        return Verdict.UNDECIDED
    if found.high <= limit:
        return Verdict.MET
    return Verdict.MISSED if found.low > limit else Verdict.UNDECIDED


def at_least(found: Spread, limit: float) -> Verdict:
    """Hold a spread against a lower limit, see :func:`at_most`."""
    if found.rounds < ENOUGH:
        return Verdict.UNDECIDED
    if found.low >= limit:
        return Verdict.MET
    return Verdict.MISSED if found.high < limit else Verdict.UNDECIDED


def within(value: float, limit: float) -> Verdict:
    """Hold what hardly spreads against an upper limit."""
    return Verdict.MET if value <= limit else Verdict.MISSED


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of the result.

    :param figure: what was measured.
    :param where: on what, and under what.
    :param side: ``plugin`` or ``outbox``.
    :param found: what was found, in words.
    :param limit: what it must be, in words.
    :param verdict: whether it is.
    :param by: which measure has decided.
    :param ratio: what to draw, if it is a ratio.
    """

    figure: str
    where: str
    side: str
    found: str
    limit: str
    verdict: Verdict
    by: str
    ratio: Spread | None = None


def decided(verdict: Verdict, cpu: Spread) -> tuple[Verdict, str]:
    """Let CPU seconds decide where the wall clock cannot.

    :param verdict: the wall clock's.
    :param cpu: the ratio of the CPU seconds for each operation.
    :returns: the verdict, and which measure it is from.
    """
    if verdict is not Verdict.UNDECIDED:
        return verdict, 'wall clock'
    return at_most(cpu, CPU_LIMIT), 'CPU seconds'
