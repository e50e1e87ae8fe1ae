# SPDX-License-Identifier: Apache-2.0
"""Paired ratios, their spread, and what they say about a limit; pure.

A round of the plugin is compared with the round of stock beside it, so that
what slows the whole machine down for a while slows both of them.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import enum
import math
import statistics
from typing import Any

CONFIDENCE = 0.92
"""What an interval shall cover at least; all of five rounds cover more."""

ENOUGH = 5
"""With fewer rounds an interval covers too little to decide anything."""

STOCK = 'stock'
OTHERS = ('plugin', 'outbox')

Figures = Mapping[str, Any]
Rounds = Sequence[Figures]
"""In each of them, side -> what was measured."""


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

    def text(self, digits: int = 2, scale: float = 1.0) -> str:
        """Write it down, multiplied."""
        middle, low, high = (
            f'{scale * value:.{digits}f}'
            for value in (self.middle, self.low, self.high)
        )
        return f'{middle} ({low} to {high})'


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


def column(rounds: Rounds, side: str, name: str) -> list[float]:
    """Return one figure of one side, from each round."""
    return [each[side][name] for each in rounds]


def ratios(those: Sequence[float], stock: Sequence[float]) -> Spread:
    """Compare rounds, each with the round of stock beside it.

    :param those: one value for each round.
    :param stock: stock's values, all of them greater than zero.
    """
    return spread([x / y for x, y in zip(those, stock, strict=True)])


def ratio(rounds: Rounds, side: str, name: str) -> Spread:
    """Compare a figure of a side with stock's."""
    return ratios(column(rounds, side, name), column(rounds, STOCK, name))


def added(rounds: Rounds, side: str, name: str) -> Spread:
    """Return what a side has more than stock."""
    own, stock = (column(rounds, who, name) for who in (side, STOCK))
    return spread([x - y for x, y in zip(own, stock, strict=True)])


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """What a ratio to stock must be.

    :param median: what the median must be.
    :param interval: what the whole interval must be beyond; None: the median
        decides alone.
    :param least: whether these are lower limits.
    :param whole: the whole interval decides, not the median.
    """

    median: float
    interval: float | None = None
    least: bool = False
    whole: bool = False

    def __str__(self) -> str:
        way, side = ('least', 'above') if self.least else ('most', 'below')
        text = f'at {way} {self.median:.2f}'
        if self.interval is not None:
            text += f', interval {side} {self.interval:.2f}'
        return text

    def hold(self, ratio: Spread) -> Verdict:
        """Judge a ratio."""
        sign = -1 if self.least else 1
        limit, middle = sign * self.median, sign * ratio.middle
        near, far = sorted((sign * ratio.low, sign * ratio.high))
        if ratio.rounds < ENOUGH or (self.whole and near <= limit < far):
            return Verdict.UNDECIDED
        if self.whole:
            return within(far, limit)
        if self.interval is not None and far >= sign * self.interval:
            return Verdict.MISSED
        return within(middle, limit)


def at_most(found: Spread, limit: float) -> Verdict:
    """Hold a whole interval against an upper limit.

    :param found: the spread.
    :param limit: what it may be.
    """
    return Limit(limit, whole=True).hold(found)


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

    @property
    def words(self) -> tuple[str, str, str, str, str]:
        """What stands in a table before the verdict."""
        return self.figure, self.where, self.side, self.found, self.limit
