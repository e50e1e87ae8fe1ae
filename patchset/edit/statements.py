# SPDX-License-Identifier: Apache-2.0
"""Find statements in a function by what they do, and put others there."""

from collections.abc import Callable
import dataclasses
import textwrap

import libcst as cst

from patchset import errors
from patchset.edit import source as sources

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
    editor = _Editor(function, predicate, by, before, after)
    module = sources.parse(source).visit(editor)
    if editor.matched == 0 or count not in (None, editor.matched):
        number = '' if count in (1, None) else f'{count} times '
        raise errors.Unexpected(
            path,
            sources.line_of(source, function),
            f'{number}{what} in {function}',
        )
    return sources.code(module)


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


class _Editor(cst.CSTTransformer):
    def __init__(
        self,
        function: str,
        predicate: Predicate,
        by: str | None,
        before: str | None,
        after: str | None,
    ) -> None:
        super().__init__()
        self._wanted = function
        self._predicate = predicate
        self._by = by
        self._before = before
        self._after = after
        self._scope: list[str] = []
        self._inside = 0
        self.matched = 0

    def _enter(self, node: cst.ClassDef | cst.FunctionDef) -> None:
        self._scope.append(node.name.value)
        if '.'.join(self._scope) == self._wanted:
            self._inside += 1

    def _exit(self) -> None:
        if '.'.join(self._scope) == self._wanted:
            self._inside -= 1
        self._scope.pop()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._enter(node)

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        self._exit()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._enter(node)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self._exit()
        return updated_node

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> (
        cst.CSTNode
        | cst.RemovalSentinel
        | cst.FlattenSentinel[cst.BaseStatement]
    ):
        result = super().on_leave(original_node, updated_node)
        if (
            not self._inside
            or not isinstance(original_node, cst.BaseStatement)
            or not self._predicate(original_node)
        ):
            return result  # type: ignore[return-value]
        self.matched += 1
        statement = updated_node
        assert isinstance(statement, cst.BaseStatement)
        lines: list[cst.BaseStatement] = []
        if self._by is not None:
            lines = parse(self._by)
            blank = _blank(statement)
            if lines and blank:
                lines[0] = _lead(lines[0], blank)
        else:
            blank = _blank(statement)
            added = parse(self._before or '')
            if added and blank:
                added[0] = _lead(added[0], blank)
                statement = _lead(statement, [], drop=len(blank))
            lines = [*added, statement, *parse(self._after or '')]
        if not lines:
            return cst.RemoveFromParent()
        return cst.FlattenSentinel(lines)


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
