# SPDX-License-Identifier: Apache-2.0
"""Fold a subclass into its parent.

The plugin puts its methods over those of Ironic's classes. In Ironic itself
the same methods stand in the class: new ones at its end, those that replace
one in its place. ``super().method(...)`` becomes the body of the method that
was there.
"""

from collections.abc import Sequence

import libcst as cst
from libcst import matchers

from patchset import errors
from patchset.edit import members
from patchset.edit import untyped

_QUOTES_THE_PARENT = 'see ``'
_PARENT_CALL = matchers.SimpleStatementLine(
    body=[
        matchers.Expr(
            matchers.Call(
                matchers.Attribute(matchers.Call(matchers.Name('super')))
            )
        )
    ]
)
_code = cst.Module([]).code_for_node


def fold(
    path: str,
    source: str,
    class_name: str,
    methods: Sequence[cst.FunctionDef],
    *,
    after: str | None = None,
) -> str:
    """Put methods of a subclass into a class, without annotations.

    :param path: the file, for the error
    :param source: its text
    :param class_name: the class
    :param methods: what it gets, in this order
    :param after: the method behind which the new ones go; else the last
    :returns: the new text
    :raises Unexpected: when there is no such class, or no parent's method
    """

    def merge(
        parent: cst.FunctionDef | None, method: cst.FunctionDef
    ) -> cst.FunctionDef:
        method = untyped.strip(method)
        calls_parent = bool(matchers.findall(method, _PARENT_CALL))
        if parent is None:
            if calls_parent:
                raise errors.Unexpected(path, 1, f'method {method.name.value}')
            return method
        if calls_parent:
            method = _inline(parent, method)
        return method.with_changes(decorators=parent.decorators)

    return members.put(path, source, class_name, methods, merge, after)


def methods_of(module: cst.Module, class_name: str) -> list[cst.FunctionDef]:
    """Return the methods of a class of the plugin.

    :param module: the source that defines it
    :param class_name: its name
    :raises Refusal: when there is no such class
    """
    class_ = members.find(module, class_name)
    if class_ is None:
        raise errors.Refusal(f'the plugin has no class {class_name}')
    return members.methods(class_)


def _inline(
    parent: cst.FunctionDef, method: cst.FunctionDef
) -> cst.FunctionDef:
    """Return a method with the body of its parent's where it calls that."""
    theirs, inherited = _parts(parent)
    ours, body = _parts(method)
    # An own docstring that only points at the parent's says nothing here.
    if not ours or _QUOTES_THE_PARENT in (method.get_docstring() or ''):
        ours = theirs
    merged = cst.IndentedBlock(body).visit(_Inliner(parent, inherited))
    assert isinstance(merged, cst.IndentedBlock)
    return method.with_changes(
        params=parent.params if method.params.star_kwarg else method.params,
        body=method.body.with_changes(body=[*ours, *merged.body]),
    )


def _parts(
    method: cst.FunctionDef,
) -> tuple[list[cst.BaseStatement], list[cst.BaseStatement]]:
    """Return the docstring of a method, if it has one, and the rest."""
    body = [s for s in method.body.body if isinstance(s, cst.BaseStatement)]
    first = 0 if method.get_docstring() is None else 1
    return body[:first], body[first:]


class _Inliner(cst.CSTTransformer):
    def __init__(
        self, parent: cst.FunctionDef, inherited: list[cst.BaseStatement]
    ) -> None:
        super().__init__()
        params = [*parent.params.posonly_params, *parent.params.params]
        self._names = [p.name.value for p in params[1:]]
        self._inherited = inherited

    def leave_SimpleStatementLine(
        self,
        original_node: cst.SimpleStatementLine,
        updated_node: cst.SimpleStatementLine,
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if not matchers.matches(original_node, _PARENT_CALL):
            return updated_node
        call = cst.ensure_type(
            cst.ensure_type(original_node.body[0], cst.Expr).value, cst.Call
        )
        lines: list[cst.BaseStatement] = []
        for name, arg in zip(self._names, call.args, strict=False):
            value = _code(arg.value)
            if value != name and not arg.star:
                lines.append(cst.parse_statement(f'{name} = {value}\n'))
        return cst.FlattenSentinel([*lines, *self._inherited])
