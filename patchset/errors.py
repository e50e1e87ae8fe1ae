# SPDX-License-Identifier: Apache-2.0
"""What the program says when it changes nothing."""


class Refusal(Exception):
    """The tree is not what the series was made for; nothing was changed.

    Its text is one line for the user.
    """


class Unexpected(Refusal):
    """A file of the tree does not hold what a step expects.

    :param path: the file, relative to the tree
    :param line: the line where it was looked for
    :param expected: what was expected there
    """

    def __init__(self, path: str, line: int, expected: str) -> None:
        self.path = path
        self.line = line
        self.expected = expected
        super().__init__(f'{path}:{line}: expected {expected}')
