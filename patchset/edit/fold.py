# SPDX-License-Identifier: Apache-2.0
"""Fold a subclass into its parent.

The plugin puts its methods over those of Ironic's classes. In Ironic itself
the same methods stand in the class: new ones at its end, those that replace
one in its place. ``super().method(...)`` becomes the body of the method that
was there.
"""

from collections.abc import Sequence

import libcst as cst

from patchset import errors
from patchset.edit import source as sources

_QUOTES_THE_PARENT = 'see ``'
_WIDTH = 79


def fold(
    path: str,
    source: str,
    class_name: str,
    methods: Sequence[cst.FunctionDef],
    *,
    after: str | None = None,
    typed: bool = False,
) -> str:
    """Put methods into a class.

    :param path: the file, for the error
    :param source: its text
    :param class_name: the class
    :param methods: what it gets, in this order
    :param after: the method behind which the new ones go; else the last
    :param typed: whether annotations stay
    :returns: the new text
    :raises Unexpected: when there is no such class, or no parent's method
    """
    module = sources.parse(source)
    folder = _Folder(path, class_name, methods, after, typed)
    module = module.visit(folder)
    if not folder.found:
        raise errors.Unexpected(path, 1, f'class {class_name}')
    return sources.code(module)


def methods_of(module: cst.Module, class_name: str) -> list[cst.FunctionDef]:
    """Return the methods of a class of the plugin.

    :param module: the source that defines it
    :param class_name: its name
    """
    for statement in module.body:
        if (
            isinstance(statement, cst.ClassDef)
            and statement.name.value == class_name
        ):
            return [
                m
                for m in statement.body.body
                if isinstance(m, cst.FunctionDef)
            ]
    raise errors.Refusal(f'the plugin has no class {class_name}')


class _Folder(cst.CSTTransformer):
    def __init__(
        self,
        path: str,
        class_name: str,
        methods: Sequence[cst.FunctionDef],
        after: str | None,
        typed: bool,
    ) -> None:
        super().__init__()
        self._path = path
        self._class_name = class_name
        self._methods = methods
        self._after = after
        self._typed = typed
        self.found = False

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        if original_node.name.value != self._class_name:
            return updated_node
        self.found = True
        body = list(updated_node.body.body)
        new: list[cst.FunctionDef] = []
        for method in self._methods:
            place = _place(body, method.name.value)
            if not self._typed:
                method = strip_types(method)
            if place is None:
                if _calls_parent(method):
                    raise errors.Unexpected(
                        self._path, 1, f'method {method.name.value}'
                    )
                new.append(method)
            else:
                parent = body[place]
                assert isinstance(parent, cst.FunctionDef)
                body[place] = _merge(parent, method)
        place = _place(body, self._after) if self._after else len(body) - 1
        if place is None:
            raise errors.Unexpected(self._path, 1, f'method {self._after}')
        spaced = [
            m.with_changes(
                leading_lines=[
                    cst.EmptyLine(indent=False),
                    *_own_comments(m),
                ]
            )
            for m in new
        ]
        body[place + 1 : place + 1] = spaced
        return updated_node.with_changes(
            body=updated_node.body.with_changes(body=body)
        )


def _own_comments(method: cst.FunctionDef) -> list[cst.EmptyLine]:
    """Return the comments right before a method, not those of a section."""
    lines: list[cst.EmptyLine] = []
    for line in method.leading_lines:
        lines = [*lines, line] if line.comment is not None else []
    return lines


def _place(body: Sequence[cst.CSTNode], name: str | None) -> int | None:
    for number, statement in enumerate(body):
        if (
            isinstance(statement, cst.FunctionDef)
            and statement.name.value == name
            and not any(_is_setter(d) for d in statement.decorators)
        ):
            return number
    return None


def _is_setter(decorator: cst.Decorator) -> bool:
    return (
        isinstance(decorator.decorator, cst.Attribute)
        and decorator.decorator.attr.value == 'setter'
    )


def _parent_call(statement: cst.CSTNode) -> cst.Call | None:
    """Return the call of the parent's method, if a statement is that."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return None
    expression = statement.body[0]
    if not isinstance(expression, cst.Expr):
        return None
    call = expression.value
    if (
        isinstance(call, cst.Call)
        and isinstance(call.func, cst.Attribute)
        and isinstance(call.func.value, cst.Call)
        and isinstance(call.func.value.func, cst.Name)
        and call.func.value.func.value == 'super'
    ):
        return call
    return None


def _calls_parent(method: cst.FunctionDef) -> bool:
    found = []

    class Visitor(cst.CSTVisitor):
        def visit_SimpleStatementLine(
            self, node: cst.SimpleStatementLine
        ) -> None:
            if _parent_call(node) is not None:
                found.append(node)

    method.visit(Visitor())
    return bool(found)


def _statements(method: cst.FunctionDef) -> list[cst.BaseStatement]:
    return [s for s in method.body.body if isinstance(s, cst.BaseStatement)]


def _docstring(method: cst.FunctionDef) -> cst.BaseStatement | None:
    if method.get_docstring() is None:
        return None
    statement = method.body.body[0]
    assert isinstance(statement, cst.BaseStatement)
    return statement


def _merge(
    parent: cst.FunctionDef, method: cst.FunctionDef
) -> cst.FunctionDef:
    """Return the method in its parent's place."""
    kept = parent.leading_lines
    if not _calls_parent(method):
        return method.with_changes(
            leading_lines=kept, decorators=parent.decorators
        )
    inherited = _statements(parent)
    theirs = _docstring(parent)
    if theirs is not None:
        inherited = inherited[1:]
    names = [
        p.name.value
        for p in (*parent.params.posonly_params, *parent.params.params)
    ][1:]

    class Inliner(cst.CSTTransformer):
        def leave_SimpleStatementLine(
            self,
            original_node: cst.SimpleStatementLine,
            updated_node: cst.SimpleStatementLine,
        ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
            call = _parent_call(original_node)
            if call is None:
                return updated_node
            lines: list[cst.BaseStatement] = []
            for name, arg in zip(names, call.args, strict=False):
                value = cst.Module([]).code_for_node(arg.value)
                if value != name and not arg.star:
                    lines.append(cst.parse_statement(f'{name} = {value}\n'))
            return cst.FlattenSentinel([*lines, *inherited])

    ours = _docstring(method)
    body = _statements(method)
    if ours is not None:
        body = body[1:]
    # An own docstring that only points at the parent's says nothing here.
    if ours is None or _QUOTES_THE_PARENT in (method.get_docstring() or ''):
        ours = theirs
    merged = cst.IndentedBlock(body=body).visit(Inliner())
    assert isinstance(merged, cst.IndentedBlock)
    params = parent.params if method.params.star_kwarg else method.params
    statements = [*([ours] if ours is not None else []), *merged.body]
    return method.with_changes(
        params=params,
        leading_lines=kept,
        decorators=parent.decorators,
        body=method.body.with_changes(body=statements),
    )


def strip_types(method: cst.FunctionDef) -> cst.FunctionDef:
    """Return a method without annotations, as the rest of its class is."""

    class Stripper(cst.CSTTransformer):
        def leave_Param(
            self, original_node: cst.Param, updated_node: cst.Param
        ) -> cst.Param:
            equal: cst.AssignEqual | cst.MaybeSentinel = (
                cst.MaybeSentinel.DEFAULT
            )
            return updated_node.with_changes(
                annotation=None,
                equal=equal
                if updated_node.default is None
                else cst.AssignEqual(
                    cst.SimpleWhitespace(''), cst.SimpleWhitespace('')
                ),
            )

        def leave_FunctionDef(
            self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
        ) -> cst.FunctionDef:
            return updated_node.with_changes(returns=None)

        def leave_AnnAssign(
            self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign
        ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
            if updated_node.value is None:
                return cst.RemoveFromParent()
            return cst.Assign(
                [cst.AssignTarget(updated_node.target)], updated_node.value
            )

    stripped = method.visit(Stripper())
    assert isinstance(stripped, cst.FunctionDef)
    return _on_one_line(stripped)


def _on_one_line(method: cst.FunctionDef) -> cst.FunctionDef:
    """Return a method with its parameters on one line, if they fit."""
    empty = cst.SimpleWhitespace('')
    parameters = ' '.join(
        cst.Module([]).code_for_node(method.params).split()
    ).rstrip(',')
    line = f'    def {method.name.value}({parameters}):'
    if len(line) > _WIDTH:
        return method
    parsed = cst.parse_statement(f'def f({parameters}):\n    pass\n')
    assert isinstance(parsed, cst.FunctionDef)
    return method.with_changes(
        params=parsed.params, whitespace_before_params=empty
    )
