# SPDX-License-Identifier: Apache-2.0
"""Find statements in a function by what they do, and put others there."""

from collections.abc import Callable
import dataclasses
import textwrap

import libcst as cst

from patchset.edit import inside

Predicate = Callable[[cst.CSTNode], bool]

_code = cst.Module([]).code_for_node


def parse(text: str) -> list[cst.BaseStatement]:
    """Return statements with the comments before them."""
    module = cst.parse_module('pass\n' + textwrap.dedent(text).lstrip('\n'))
    return list(module.body[1:])


def _small(node: cst.CSTNode) -> cst.CSTNode | None:
    if isinstance(node, cst.SimpleStatementLine):
        return node.body[0]
    return None


def assigns(target: str) -> Predicate:
    """Match an assignment to a variable or attribute."""

    def predicate(node: cst.CSTNode) -> bool:
        small = _small(node)
        return isinstance(small, cst.Assign) and any(
            _code(t.target) == target for t in small.targets
        )

    return predicate


def reads(text: str) -> Predicate:
    """Match a short statement by its text."""

    def predicate(node: cst.CSTNode) -> bool:
        small = _small(node)
        return small is not None and _code(small) == text

    return predicate


def calls(function: str, containing: str = '') -> Predicate:
    """Match a call that is a statement.

    :param function: what is called
    :param containing: a piece of code that is among its arguments
    """

    def predicate(node: cst.CSTNode) -> bool:
        small = _small(node)
        return (
            isinstance(small, cst.Expr)
            and isinstance(small.value, cst.Call)
            and _code(small.value.func) == function
            and containing in _code(small)
        )

    return predicate


def branches(test: str) -> Predicate:
    """Match an ``if`` by its condition."""

    def predicate(node: cst.CSTNode) -> bool:
        return isinstance(node, cst.If) and _code(node.test) == test

    return predicate


def loops(iterated: str) -> Predicate:
    """Match a ``for`` by what it goes through."""

    def predicate(node: cst.CSTNode) -> bool:
        return isinstance(node, cst.For) and _code(node.iter) == iterated

    return predicate


def edit(
    path: str,
    source: str,
    function: str,
    predicate: Predicate,
    what: str,
    *,
    by: str | None = None,
    before: str | None = None,
    after: str | None = None,
    count: int | None = 1,
) -> str:
    """Replace, precede or follow the statements that match.

    :param path: the file, for the error
    :param source: its text
    :param function: where they are looked for: ``Class.method`` or a function
    :param predicate: which statements
    :param what: names them in the error
    :param by: what takes their place; '' removes them
    :param before: what goes before each of them
    :param after: what goes behind each of them
    :param count: how many of them there must be; None for any number but 0
    :returns: the new text
    :raises Unexpected: when there is another number of them
    """

    def convert(original: cst.CSTNode, updated: cst.CSTNode) -> inside.Changed:
        if not isinstance(updated, cst.BaseStatement) or not predicate(
            original
        ):
            return updated
        if by is not None:
            lines = _replace(updated, by)
        else:
            lines = _surround(updated, before or '', after or '')
        return cst.FlattenSentinel(lines) if lines else cst.RemoveFromParent()

    return inside.change(path, source, function, what, convert, count)


@dataclasses.dataclass(frozen=True)
class Class:
    """A class whose methods are edited.

    :param path: the file
    :param name: the class
    """

    path: str
    name: str

    def edit(
        self,
        text: str,
        method: str,
        predicate: Predicate,
        what: str,
        *,
        by: str | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> str:
        """Edit one statement of a method; see :func:`edit`."""
        return edit(
            self.path,
            text,
            f'{self.name}.{method}',
            predicate,
            what,
            by=by,
            before=before,
            after=after,
        )


def _replace(statement: cst.BaseStatement, by: str) -> list[cst.BaseStatement]:
    lines = parse(by)
    if lines:
        lines[0] = _lead(lines[0], _blank(statement))
    return lines


def _surround(
    statement: cst.BaseStatement, before: str, after: str
) -> list[cst.BaseStatement]:
    added = parse(before)
    if added:
        blank = _blank(statement)
        added[0] = _lead(added[0], blank)
        statement = _lead(statement, [], drop=len(blank))
    return [*added, statement, *parse(after)]


def _blank(statement: cst.CSTNode) -> list[cst.EmptyLine]:
    """Return the blank lines before a statement."""
    blank = []
    for line in getattr(statement, 'leading_lines', ()):
        if line.comment is not None:
            break
        blank.append(line)
    return blank


def _lead(
    statement: cst.BaseStatement, lines: list[cst.EmptyLine], drop: int = 0
) -> cst.BaseStatement:
    old = list(getattr(statement, 'leading_lines', ()))[drop:]
    changed = statement.with_changes(leading_lines=[*lines, *old])
    assert isinstance(changed, cst.BaseStatement)
    return changed
