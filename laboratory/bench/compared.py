# SPDX-License-Identifier: Apache-2.0
"""Rounds of a side beside the rounds of stock; pure."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from laboratory.bench import figures

Figures = Mapping[str, Any]
Rounds = Sequence[Figures]
"""In each of them, side -> what was measured."""

STOCK = 'stock'
OTHERS = ('plugin', 'outbox')


def column(rounds: Rounds, side: str, name: str) -> list[float]:
    """Return one figure of one side, from each round."""
    return [one[side][name] for one in rounds]


def ratio(rounds: Rounds, side: str, name: str) -> figures.Spread | None:
    """Compare a side with stock; None where stock's values allow no ratio."""
    stock = column(rounds, STOCK, name)
    if min(stock) <= 0:
        return None
    return figures.ratios(column(rounds, side, name), stock)


def added(rounds: Rounds, side: str, name: str) -> figures.Spread:
    """Return what a side has more than stock."""
    return figures.differences(
        column(rounds, side, name), column(rounds, STOCK, name)
    )


def milliseconds(found: figures.Spread) -> str:
    """Write down seconds."""
    return figures.Spread(
        found.middle * 1e3, found.low * 1e3, found.high * 1e3, found.rounds
    ).text(1)
