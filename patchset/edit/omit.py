# SPDX-License-Identifier: Apache-2.0
"""Leave out of a source whatever mentions certain names.

A commit of the series takes a module of the plugin without the parts that
come later, or that Ironic never gets.
"""

from collections.abc import Collection

import libcst as cst


def mentions(node: cst.CSTNode, names: Collection[str]) -> bool:
    """Tell whether a piece of code uses one of the names.

    :param node: the piece of code
    :param names: names of variables, attributes, parameters or modules
    """
    seen: list[str] = []

    class Visitor(cst.CSTVisitor):
        def visit_Name(self, node: cst.Name) -> None:
            if node.value in names:
                seen.append(node.value)

    node.visit(Visitor())
    return bool(seen)


def omit(module: cst.Module, names: Collection[str]) -> cst.Module:
    """Remove functions, classes, parameters and statements by names.

    A compound statement goes when its condition mentions a name, or when
    nothing is left in it.

    :param module: the source
    :param names: what is left out
    :returns: the source without
    """
    return module.visit(_Omit(names)) if names else module


def omit_definitions(module: cst.Module, names: Collection[str]) -> cst.Module:
    """Remove functions and classes by their names, but nothing else.

    :param module: the source
    :param names: what is left out
    :returns: the source without
    """
    return module.visit(OmitDefinitions(names)) if names else module


_Removable = cst.BaseStatement | cst.RemovalSentinel


class OmitDefinitions(cst.CSTTransformer):
    """Removes functions and classes, and keeps the names of these.

    :param names: what is left out
    """

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = names
        self.omitted: set[str] = set()

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> _Removable:
        return self._leave(updated_node)

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> _Removable:
        return self._leave(updated_node)

    def _leave(self, node: cst.FunctionDef | cst.ClassDef) -> _Removable:
        if node.name.value not in self._names:
            return node
        self.omitted.add(node.name.value)
        return cst.RemoveFromParent()


class _Omit(OmitDefinitions):
    def leave_SimpleStatementLine(
        self,
        original_node: cst.SimpleStatementLine,
        updated_node: cst.SimpleStatementLine,
    ) -> _Removable:
        if mentions(updated_node, self._names):
            return cst.RemoveFromParent()
        return updated_node

    def leave_Decorator(
        self, original_node: cst.Decorator, updated_node: cst.Decorator
    ) -> cst.Decorator | cst.RemovalSentinel:
        # What a decorator replaces, it names in a string.
        code = cst.Module([]).code_for_node(original_node)
        if any(f"'{name}'" in code for name in self._names):
            return cst.RemoveFromParent()
        return updated_node

    def leave_If(
        self, original_node: cst.If, updated_node: cst.If
    ) -> _Removable:
        useless = not updated_node.body.body or mentions(
            original_node.test, self._names
        )
        if useless and updated_node.orelse is None:
            return cst.RemoveFromParent()
        return updated_node

    def leave_With(
        self, original_node: cst.With, updated_node: cst.With
    ) -> _Removable:
        if not updated_node.body.body:
            return cst.RemoveFromParent()
        return updated_node

    def leave_Param(
        self, original_node: cst.Param, updated_node: cst.Param
    ) -> cst.Param | cst.RemovalSentinel:
        if original_node.name.value in self._names:
            return cst.RemoveFromParent()
        return updated_node
