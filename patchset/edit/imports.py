# SPDX-License-Identifier: Apache-2.0
"""The imports of a module, in the order that Ironic's style wants.

Three groups, the standard library, what is installed, and Ironic; each sorted
by the full name of what is imported.
"""

from collections.abc import Iterable
import itertools
import sys

import libcst as cst

from patchset.edit import source as sources


def organise(source: str, add: Iterable[str] = ()) -> str:
    """Add imports, remove the unused, sort the rest.

    :param source: a module whose imports stand together at its top
    :param add: import statements
    :returns: the module
    """
    module = sources.parse(source)
    body = list(module.body)
    first = next((i for i, s in enumerate(body) if _is_import(s)), None)
    if first is None:
        first = last = 1 if module.get_docstring() is not None else 0
    else:
        last = first
        while last < len(body) and _is_import(body[last]):
            last += 1
    lines = {_code(statement): statement for statement in body[first:last]}
    for text in add:
        lines.setdefault(text, cst.parse_statement(text + '\n'))
    used = _names(module.with_changes(body=[*body[:first], *body[last:]]))
    kept = [
        statement
        for text, statement in lines.items()
        if '# noqa' in module.code_for_node(statement) or _bound(text) in used
    ]
    kept.sort(key=lambda statement: _order(_code(statement)))
    grouped: list[cst.BaseStatement] = []
    for _group, members in itertools.groupby(
        kept, key=lambda statement: _order(_code(statement))[0]
    ):
        for number, statement in enumerate(members):
            blank = [cst.EmptyLine(indent=False)] if number == 0 else []
            if not grouped and first == 0:
                blank = []
            # Comments that belong to an import stay with it.
            comments = [
                line for line in statement.leading_lines if line.comment
            ]
            grouped.append(
                statement.with_changes(leading_lines=[*blank, *comments])
            )
    return sources.code(
        module.with_changes(body=[*body[:first], *grouped, *body[last:]])
    )


def _is_import(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], cst.Import | cst.ImportFrom
    )


def _code(statement: cst.CSTNode) -> str:
    assert isinstance(statement, cst.SimpleStatementLine)
    return cst.Module([]).code_for_node(statement.body[0])


def _full_name(text: str) -> str:
    words = text.split()
    if words[0] == 'import':
        return words[1]
    return f'{words[1]}.{words[3]}'


def _bound(text: str) -> str:
    """Return the name that a statement binds in the module."""
    words = text.split()
    if words[0] == 'import' and 'as' not in words:
        return words[1].partition('.')[0]
    return words[-1]


def _order(text: str) -> tuple[int, str]:
    name = _full_name(text)
    root = name.partition('.')[0]
    if root in sys.stdlib_module_names:
        group = 0
    elif root == 'ironic':
        group = 2
    else:
        group = 1
    return group, name.lower()


def _names(module: cst.Module) -> set[str]:
    names = set()

    class Visitor(cst.CSTVisitor):
        def visit_Name(self, node: cst.Name) -> None:
            names.add(node.value)

    module.visit(Visitor())
    return names
