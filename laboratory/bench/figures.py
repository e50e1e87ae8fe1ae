# SPDX-License-Identifier: Apache-2.0
"""Paired ratios, their spread, and what they say about a limit; pure.

A round of the plugin is compared with the round of stock beside it, so that
what slows the whole machine down for a while slows both of them.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import enum
import functools
import random
import statistics
from typing import Any

# What an interval leaves out, and of how many medians it is made.
_OUTSIDE = 0.05
_DRAWS = 1000
_SEED = 28
# With fewer rounds an interval covers too little to decide anything.
_ENOUGH = 5

STOCK = 'stock'
OTHERS = ('plugin', 'outbox')
FAILED = 'failed'
"""In the place of figures: why a round could not be done."""

Figures = Mapping[str, Any]
Rounds = Sequence[Figures]
"""In each of them, side -> what was measured."""


class Verdict(enum.StrEnum):
    """What a figure says about its limit; the value is a colour."""

    MET = 'green'
    MISSED = 'red'
    UNDECIDED = 'yellow'
    REPORTED = 'dim'


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, or of their ratios, with its interval."""

    middle: float
    low: float
    high: float
    rounds: int

    def text(self, digits: int = 2, scale: float = 1.0) -> str:
        middle, low, high = (
            f'{scale * value:.{digits}f}'
            for value in (self.middle, self.low, self.high)
        )
        return f'{middle} ({low} to {high})'

    def agrees(self, other: 'Spread') -> bool:
        """Tell whether one's median is in the other's interval."""
        return any(
            its.low <= middle <= its.high
            for its, middle in ((self, other.middle), (other, self.middle))
        )


def spread(values: Sequence[float]) -> Spread:
    """Compute the median and its 95 % interval, by bootstrap.

    Rounds are drawn again, with repetition; the same values always have the
    same interval. The median of five values can be each of them: so few
    rounds have an interval that is nearly all of them.
    """
    return _spread(tuple(values))


@functools.cache
def _spread(values: tuple[float, ...]) -> Spread:
    draws, number = random.Random(_SEED), len(values)
    medians = sorted(
        statistics.median(draws.choices(values, k=number))
        for _ in range(_DRAWS)
    )
    cut = round(_DRAWS * _OUTSIDE / 2)
    return Spread(
        statistics.median(values), medians[cut], medians[-1 - cut], number
    )


def ratio(rounds: Rounds, side: str, name: str) -> Spread:
    """Compare a figure of a side with stock's, in each round."""
    return spread([each[side][name] / each[STOCK][name] for each in rounds])


def added(rounds: Rounds, side: str, name: str) -> Spread:
    return spread([each[side][name] - each[STOCK][name] for each in rounds])


def done(rounds: Rounds, side: str) -> Rounds:
    """Return the rounds in which neither the side nor stock has failed."""
    return [
        each
        for each in rounds
        if not any(FAILED in each[who] for who in (side, STOCK))
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """What a ratio to stock must be.

    :param least: whether it is a lower limit.
    """

    median: float
    least: bool = False

    def __str__(self) -> str:
        return f'at {"least" if self.least else "most"} {self.median:.2f}'

    def hold(self, ratio: Spread) -> Verdict:
        if ratio.rounds < _ENOUGH:
            return Verdict.UNDECIDED
        sign = -1 if self.least else 1
        return within(sign * ratio.middle, sign * self.median)


def within(value: float, limit: float) -> Verdict:
    """Hold what hardly spreads against an upper limit."""
    return Verdict.MET if value <= limit else Verdict.MISSED


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    figure: str
    where: str
    side: str
    value: str
    limit: str
    verdict: Verdict
    ratio: Spread | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        words = self.figure, self.where, self.side, self.value, self.limit
        return (*words, self.verdict.name.lower())


CELLS = ('figure', 'where', 'side', 'value', 'must be', 'verdict')
"""The header above :attr:`Line.cells`."""
