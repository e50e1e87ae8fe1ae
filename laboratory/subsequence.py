# SPDX-License-Identifier: Apache-2.0
"""The longest common subsequence of two sequences."""

from collections.abc import Sequence
from typing import Any


def common(left: Sequence[Any], right: Sequence[Any]) -> list[tuple[int, int]]:
    """Return a longest common subsequence.

    Equal ends are part of one, so that a faultless recording is cheap: what
    takes time is the square of what lies between the first and the last
    difference.

    :param left: one sequence.
    :param right: the other.
    :returns: pairs of indices (left, right) of equal items, ascending.
    """
    shorter = min(len(left), len(right))
    begin = end = 0
    while begin < shorter and left[begin] == right[begin]:
        begin += 1
    while end < shorter - begin and left[-1 - end] == right[-1 - end]:
        end += 1
    m, n = len(left) - begin - end, len(right) - begin - end
    # How much is in common from (i, j) behind the beginning on.
    length = [[0] * (n + 1) for _ in range(m + 1)]
    for i in reversed(range(m)):
        here, below = length[i], length[i + 1]
        for j in reversed(range(n)):
            if left[begin + i] == right[begin + j]:
                here[j] = 1 + below[j + 1]
            else:
                here[j] = max(below[j], here[j + 1])
    pairs = [(i, i) for i in range(begin)]
    i = j = 0
    while length[i][j]:
        if left[begin + i] == right[begin + j]:
            pairs.append((begin + i, begin + j))
            i, j = i + 1, j + 1
        elif length[i + 1][j] == length[i][j]:
            i += 1
        else:
            j += 1
    return pairs + [
        (len(left) - back, len(right) - back) for back in range(end, 0, -1)
    ]
