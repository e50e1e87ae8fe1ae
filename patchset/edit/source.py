# SPDX-License-Identifier: Apache-2.0
"""Sources and their trees; the tree of a text is made once."""

import collections
import re

import libcst as cst
from libcst import metadata

_KEPT = 8
_trees: collections.OrderedDict[str, cst.Module] = collections.OrderedDict()


def parse(text: str) -> cst.Module:
    """Return the tree of a source."""
    module = _trees.get(text)
    if module is None:
        module = cst.parse_module(text)
        _keep(text, module)
    return module


def code(module: cst.Module) -> str:
    """Return the source of a tree, which is likely to be parsed next."""
    text = module.code
    _keep(text, module)
    return text


def positioned(text: str) -> metadata.MetadataWrapper:
    """Return a tree whose nodes know their lines and columns."""
    # Without the copy that would make each node unique: a parser's are.
    return metadata.MetadataWrapper(cst.parse_module(text), True)


def line_of(text: str, name: str) -> int:
    """Return the line where a class or function is defined, or 1.

    :param name: ``Class.function``, or either of them
    """
    pattern = rf'^ *(?:class|def) {re.escape(name.rpartition(".")[2])}\b'
    match = re.search(pattern, text, re.MULTILINE)
    return text.count('\n', 0, match.start()) + 1 if match else 1


def _keep(text: str, module: cst.Module) -> None:
    _trees[text] = module
    _trees.move_to_end(text)
    while len(_trees) > _KEPT:
        _trees.popitem(last=False)
