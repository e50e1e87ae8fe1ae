# SPDX-License-Identifier: Apache-2.0
"""Compare the results of two runs test by test; pure."""

import collections
from collections.abc import Mapping
import dataclasses

PASSED = 'success'
FAILED = 'fail'
SKIPPED = 'skip'
#: A test that started and has no result.
UNFINISHED = 'inprogress'


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two runs, test by test."""

    stock: Mapping[str, str]
    other: Mapping[str, str]

    @property
    def worse(self) -> list[str]:
        """Tests that did not do as well as on stock.

        A test that passed and was skipped then, or is gone, is one of them:
        what was not run shows nothing.
        """
        return _worse(self.stock, self.other)

    @property
    def better(self) -> list[str]:
        """Tests that did better than on stock."""
        return _worse(self.other, self.stock)

    @property
    def acceptable(self) -> bool:
        """Whether tests ran and none of them is worse than on stock."""
        return PASSED in self.other.values() and not self.worse

    def rows(self) -> list[tuple[str, int, int]]:
        """Count each status: its name, on stock, on the other side."""
        stock = collections.Counter(self.stock.values())
        other = collections.Counter(self.other.values())
        return [
            (status, stock[status], other[status])
            for status in sorted({PASSED, FAILED, SKIPPED, *stock, *other})
        ]


def _worse(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the tests that did not do as well in the other run."""
    return sorted(
        test
        for test in {*one, *other}
        if _rank(other.get(test)) > _rank(one.get(test))
    )


def _rank(status: str | None) -> int:
    """Order the statuses from good to bad."""
    if status == PASSED:
        return 0
    return 1 if status == SKIPPED else 2
