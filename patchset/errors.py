# SPDX-License-Identifier: Apache-2.0
"""What the program says when it changes nothing."""


class Refusal(Exception):
    """The tree is not what the series was made for."""


class Unexpected(Refusal):
    """A file of the tree does not hold what a commit expects."""

    def __init__(self, path: str, line: int, expected: str) -> None:
        super().__init__(f'{path}:{line}: expected {expected}')
