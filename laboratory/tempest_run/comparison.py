# SPDX-License-Identifier: Apache-2.0
"""Compare the results of two runs test by test; pure."""

import collections
from collections.abc import Mapping

PASSED = 'success'
SKIPPED = 'skip'
GOOD = (PASSED, SKIPPED)
_FAILED = 'fail'

Statuses = Mapping[str, str]
"""Test -> status; ``inprogress`` for a test that has no result."""


def worse(stock: Statuses, other: Statuses) -> list[str]:
    """Return the tests that did not do as well in the other run.

    A test that passed and was skipped then, or is gone, is one of them: what
    was not run shows nothing.
    """
    return sorted(
        test
        for test in {*stock, *other}
        if _rank(other.get(test)) > _rank(stock.get(test))
    )


def acceptable(stock: Statuses, other: Statuses) -> bool:
    """Tell whether tests ran and none of them is worse than on stock."""
    return PASSED in other.values() and not worse(stock, other)


def rows(stock: Statuses, other: Statuses) -> list[tuple[str, int, int]]:
    """Count each status: its name, on stock, on the other side."""
    counts = [collections.Counter(one.values()) for one in (stock, other)]
    return [
        (status, counts[0][status], counts[1][status])
        for status in sorted({*GOOD, _FAILED, *counts[0], *counts[1]})
    ]


def _rank(status: str | None) -> int:
    return GOOD.index(status) if status in GOOD else len(GOOD)
