# SPDX-License-Identifier: Apache-2.0
"""Methods without annotations, as in the rest of Ironic's classes."""

import libcst as cst

_WIDTH = 79
_code = cst.Module([]).code_for_node
_NOTHING = cst.SimpleWhitespace('')
_EQUAL = cst.AssignEqual(_NOTHING, _NOTHING)


def strip(method: cst.FunctionDef) -> cst.FunctionDef:
    """Return a method without annotations, on one line if it fits."""
    stripped = method.visit(_Stripper())
    assert isinstance(stripped, cst.FunctionDef)
    return _on_one_line(stripped)


class _Stripper(cst.CSTTransformer):
    def leave_Param(
        self, original_node: cst.Param, updated_node: cst.Param
    ) -> cst.Param:
        # Without an annotation there are no spaces around "=".
        equal = (
            cst.MaybeSentinel.DEFAULT
            if updated_node.default is None
            else _EQUAL
        )
        return updated_node.with_changes(annotation=None, equal=equal)

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


def _on_one_line(method: cst.FunctionDef) -> cst.FunctionDef:
    """Return a method with its parameters on one line, if they fit."""
    parameters = ' '.join(_code(method.params).split()).rstrip(',')
    line = f'    def {method.name.value}({parameters}):'
    if len(line) > _WIDTH:
        return method
    parsed = cst.parse_statement(f'def f({parameters}):\n    pass\n')
    assert isinstance(parsed, cst.FunctionDef)
    return method.with_changes(
        params=parsed.params, whitespace_before_params=_NOTHING
    )
