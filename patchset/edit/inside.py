# SPDX-License-Identifier: Apache-2.0
"""Change the nodes of one function, wherever they are in it."""

from collections.abc import Callable

import libcst as cst

from patchset import errors
from patchset.edit import source as sources

#: What takes the place of a node; the node itself when nothing changes.
Changed = (
    cst.CSTNode | cst.RemovalSentinel | cst.FlattenSentinel[cst.BaseStatement]
)

#: Takes a node as it was, and as it is with what has changed in it.
Convert = Callable[[cst.CSTNode, cst.CSTNode], Changed]


def change(
    path: str,
    source: str,
    function: str,
    what: str,
    convert: Convert,
    count: int | None = None,
) -> str:
    """Convert the nodes of a function.

    :param path: the file, for the error
    :param source: its text
    :param function: ``Class.method``, a function, or a class
    :param what: names in the error what has to change
    :param convert: called with each node of the function, and with itself
    :param count: how many nodes must change; None for any number but 0
    :returns: the new text
    :raises Unexpected: when another number of nodes changes
    """
    changer = _Changer(function, convert)
    module = sources.parse(source).visit(changer)
    if changer.changed == 0 or count not in (None, changer.changed):
        number = '' if count in (1, None) else f'{count} times '
        raise errors.Unexpected(
            path,
            sources.line_of(source, function),
            f'{number}{what} in {function}',
        )
    return sources.code(module)


class _Changer(cst.CSTTransformer):
    def __init__(self, function: str, convert: Convert) -> None:
        super().__init__()
        self._wanted = function.split('.')
        self._convert = convert
        self._scope: list[str] = []
        self.changed = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ClassDef | cst.FunctionDef):
            self._scope.append(node.name.value)
        # The function is in no class or function of another name.
        return all(
            name == wanted
            for name, wanted in zip(self._scope, self._wanted, strict=False)
        )

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> Changed:
        inside = self._scope[: len(self._wanted)] == self._wanted
        if isinstance(original_node, cst.ClassDef | cst.FunctionDef):
            self._scope.pop()
        if not inside:
            return updated_node
        changed = self._convert(original_node, updated_node)
        self.changed += changed is not updated_node
        return changed
