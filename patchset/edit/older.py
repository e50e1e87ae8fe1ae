# SPDX-License-Identifier: Apache-2.0
"""Our code for an Ironic that still runs on an older Python."""

import libcst as cst

_LONG = 40
_BREAK = cst.Comma(
    whitespace_after=cst.ParenthesizedWhitespace(
        indent=True, last_line=cst.SimpleWhitespace(' ' * 14)
    )
)


def rewrite(text: str, python: tuple[int, int]) -> str:
    """Write a module so that an older Python can run it.

    :param text: the module, written for Python 3.11
    :param python: the oldest Python that has to run it
    """
    if python >= (3, 11):
        return text
    module = cst.parse_module(text).visit(_Older(python))
    return module.code


class _Older(cst.CSTTransformer):
    def __init__(self, python: tuple[int, int]) -> None:
        super().__init__()
        self._python = python

    def leave_Call(
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        if self._python >= (3, 10):
            return updated_node
        code = cst.Module([]).code_for_node(updated_node.func)
        if code == 'isinstance':
            kinds = updated_node.args[1].value
            if isinstance(kinds, cst.BinaryOperation):
                first, second = updated_node.args
                second = second.with_changes(value=_tuple(kinds))
                if len(cst.Module([]).code_for_node(kinds)) > _LONG:
                    first = first.with_changes(comma=_BREAK)
                return updated_node.with_changes(args=[first, second])
        unknown = {'zip': 'strict', 'dataclasses.dataclass': 'slots'}.get(code)
        args = [
            arg
            for arg in updated_node.args
            if arg.keyword is None or arg.keyword.value != unknown
        ]
        if len(args) != len(updated_node.args):
            args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(args=args)

    def leave_Module(
        self, original_node: cst.Module, updated_node: cst.Module
    ) -> cst.Module:
        if self._python >= (3, 10):
            return updated_node
        # "str | None" in an annotation is only read by type checkers then.
        future = cst.parse_statement('from __future__ import annotations\n')
        body = list(updated_node.body)
        place = 1 if updated_node.get_docstring() is not None else 0
        lead = [cst.EmptyLine(indent=False)] if place else []
        body.insert(place, future.with_changes(leading_lines=lead))
        return updated_node.with_changes(body=body)


def _tuple(kinds: cst.BaseExpression) -> cst.Tuple:
    elements: list[cst.BaseElement] = []

    def collect(node: cst.BaseExpression) -> None:
        if isinstance(node, cst.BinaryOperation):
            collect(node.left)
            collect(node.right)
        else:
            elements.append(cst.Element(node))

    collect(kinds)
    return cst.Tuple(elements)
