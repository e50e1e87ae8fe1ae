# SPDX-License-Identifier: Apache-2.0
"""Change statements of a function where they stand.

Ironic's own lines and comments stay as they are. A function is named together
with the fingerprints of the texts that its edits were written for, so that
another release is noticed.
"""

import ast
import functools
import hashlib
import re
import sys
import textwrap

_Definition = ast.FunctionDef | ast.ClassDef


class Refusal(Exception):
    """The tree is not what the series was made for."""


class Unexpected(Refusal):
    """A file of the tree does not hold what a commit expects."""

    def __init__(self, path: str, line: int, expected: str) -> None:
        super().__init__(f'{path}:{line}: expected {expected}')


class File:
    """A file of Ironic, and a function of it that is edited."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        #: The function; else the whole file.
        self.name = ''

    def select(self, name: str, *known: str) -> None:
        """Edit a function, such as ``Class.method``, or a class.

        :param known: the fingerprints of its text that the edits fit; none
            for a test, and for what an earlier commit has made
        """
        self.name = name
        first, last = self.lines(name)
        text = '\n'.join(self.text.splitlines()[first - 1 : last])
        fingerprint = hashlib.sha256(text.encode()).hexdigest()[:8]
        if known and fingerprint not in known:
            raise self.unexpected(f'another {name} (this is {fingerprint})')

    def find(self, name: str) -> _Definition:
        """Return the tree of a function or class, or raise Unexpected."""
        found: ast.AST = parse(self.text)
        for part in name.split('.'):
            for node in getattr(found, 'body', ()):
                if getattr(node, 'name', '') == part:
                    found = node
                    break
            else:
                raise Unexpected(self.path, 1, name)
        assert isinstance(found, _Definition)
        return found

    def unexpected(self, expected: str) -> Unexpected:
        """Return the error that says where something else was expected."""
        line = self.find(self.name).lineno if self.name else 1
        return Unexpected(self.path, line, expected)

    def lines(self, name: str) -> tuple[int, int]:
        """Return the first line, decorators included, and the last."""
        node = self.find(name)
        decorators = [decorator.lineno for decorator in node.decorator_list]
        return min([node.lineno, *decorators]), end(node)

    def splice(self, first: int, last: int, text: str) -> None:
        """Put a text in the place of lines, counted from 1, both included."""
        lines = self.text.splitlines(keepends=True)
        lines[first - 1 : last] = [text]
        self.text = ''.join(lines)

    def _statement(self, start: str, nth: int = 0) -> ast.stmt:
        """Return the statement of the function that begins with a text."""
        function = self.find(self.name) if self.name else None
        nodes = ast.walk(function) if function else parse(self.text).body
        found = [
            node
            for node in nodes
            if isinstance(node, ast.stmt)
            and node is not function
            and ast.unparse(node).startswith(start)
        ]
        found.sort(key=lambda node: node.lineno)
        if len(found) <= nth:
            raise self.unexpected(f'{start!r} in {self.name}')
        return found[nth]

    def put(
        self, where: str, start: str, text: str, *, nth: int = 0, lead: int = 0
    ) -> None:
        """Put statements beside a statement, or in its place.

        :param where: ``before``, ``after`` or ``replace``
        :param start: how the statement begins, as ``ast.unparse`` writes it
        :param nth: which of those that begin so
        :param lead: how many lines of comments before it belong to it
        """
        node = self._statement(start, nth)
        first, behind = node.lineno - lead, end(node) + 1
        if where == 'before':
            behind = first
        elif where == 'after':
            first = behind
        text = textwrap.indent(text, ' ' * node.col_offset)
        self.splice(first, behind - 1, text)

    def cut(self, first: str, last: str = '', *, lead: int = 0) -> None:
        """Remove statements and the blank lines before them."""
        begin = self._statement(first)
        behind = self._statement(last) if last else begin
        self._cut(begin.lineno - lead, end(behind))

    def _cut(self, first: int, last: int) -> None:
        lines = self.text.splitlines()
        while not lines[first - 2].strip():
            first -= 1
        self.splice(first, last, '')

    def sub(self, pattern: str, new: str, *, many: bool = False) -> None:
        """Replace what matches a regular expression in the function.

        :param many: whether it may match more than once
        """
        lines = self.lines(self.name) if self.name else (1, sys.maxsize)
        rows = self.text.splitlines(keepends=True)[lines[0] - 1 : lines[1]]
        text, count = re.subn(pattern, new, ''.join(rows), flags=re.MULTILINE)
        if not count or (count > 1 and not many):
            raise self.unexpected(f'{pattern} in {self.name}')
        self.splice(*lines, text)

    def add(self, name: str, text: str) -> None:
        """Add a method behind another, or to the end of a class."""
        node = self.find(name)
        column = node.col_offset if '.' in name else 4
        text = '\n' + textwrap.indent(text, ' ' * column)
        self.splice(end(node) + 1, end(node), text)

    def methods(self) -> dict[str, ast.stmt]:
        """Return all functions and methods by their names."""
        return {
            f'{prefix}{node.name}': node
            for owner in (parse(self.text), *parse(self.text).body)
            if isinstance(owner, ast.Module | ast.ClassDef)
            for prefix in [f'{getattr(owner, "name", "")}.'.lstrip('.')]
            for node in owner.body
            if isinstance(node, ast.FunctionDef)
        }

    def remove(self, pattern: str) -> None:
        """Remove all functions and methods whose whole name matches."""
        names = [n for n in self.methods() if re.fullmatch(pattern, n)]
        if not names:
            raise Unexpected(self.path, 1, pattern)
        for name in names:
            self._cut(*self.lines(name))


@functools.lru_cache(maxsize=2)
def parse(text: str) -> ast.Module:
    """Return the syntax tree of a text."""
    return ast.parse(text)


def end(node: ast.stmt) -> int:
    """Return the last line of a node."""
    assert node.end_lineno is not None
    return node.end_lineno
