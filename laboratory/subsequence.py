# SPDX-License-Identifier: Apache-2.0
"""The longest common subsequence of two sequences."""

import array
from collections.abc import Sequence
from typing import Any


def common(left: Sequence[Any], right: Sequence[Any]) -> list[tuple[int, int]]:
    """Return a longest common subsequence (Myers' algorithm).

    The time taken grows with the number of differences, not with the product
    of the lengths, so a long and nearly faultless recording is cheap.

    :param left: one sequence.
    :param right: the other.
    :returns: pairs of indices (left, right) of equal items, ascending.
    """
    # reach[middle + d] is how far in left a path on diagonal d has come,
    # where a diagonal is index in left minus index in right.
    middle = len(left) + len(right) + 1
    reach = array.array('q', bytes(8 * (2 * middle + 1)))
    history: list[array.array[int]] = []
    for edits in range(middle):
        history.append(reach[middle - edits - 1 : middle + edits + 2])
        for line in range(middle - edits, middle + edits + 1, 2):
            down = _goes_down(reach, line, line - middle, edits)
            i = reach[line + 1] if down else reach[line - 1] + 1
            j = i - line + middle
            while i < len(left) and j < len(right) and left[i] == right[j]:
                i, j = i + 1, j + 1
            reach[line] = i
            if i >= len(left) and j >= len(right):
                return _walk_back(history, i, j)
    raise AssertionError('two sequences differ in at most all their items')


def _goes_down(
    reach: Sequence[int], line: int, diagonal: int, edits: int
) -> bool:
    """Say whether a path comes from the diagonal above this one."""
    return diagonal == -edits or (
        diagonal != edits and reach[line - 1] < reach[line + 1]
    )


def _walk_back(
    history: Sequence[Sequence[int]], i: int, j: int
) -> list[tuple[int, int]]:
    """Collect the equal items on the path that ends at (i, j)."""
    pairs: list[tuple[int, int]] = []
    for edits in range(len(history) - 1, -1, -1):
        reach = history[edits]
        line = i - j + edits + 1
        down = _goes_down(reach, line, i - j, edits)
        start = reach[line + 1] if down else reach[line - 1]
        other = start - (i - j) - (1 if down else -1)
        while i > max(start, 0) and j > max(other, 0):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        i, j = start, other
    pairs.reverse()
    return pairs
