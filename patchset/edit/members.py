# SPDX-License-Identifier: Apache-2.0
"""Methods of a class: listed, replaced in their place, or added."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

import libcst as cst

from patchset import errors
from patchset.edit import source as sources

#: Takes the method that is there, if any, and the one that is put. Returns
#: what stands in the class then.
Merge = Callable[[cst.FunctionDef | None, cst.FunctionDef], cst.FunctionDef]


def find(module: cst.Module, class_name: str) -> cst.ClassDef | None:
    """Return a class of a module, or None."""
    for statement in module.body:
        if (
            isinstance(statement, cst.ClassDef)
            and statement.name.value == class_name
        ):
            return statement
    return None


def methods(class_: cst.ClassDef) -> list[cst.FunctionDef]:
    """Return the methods of a class."""
    return [m for m in class_.body.body if isinstance(m, cst.FunctionDef)]


def parse(text: str) -> list[cst.FunctionDef]:
    """Return methods; their text is that of a class, or of its inside."""
    text = text.lstrip('\n')
    if not text.startswith('class '):
        # Indented as they will be: the inside of a string is never moved.
        text = 'class Methods:\n' + text
    (statement,) = cst.parse_module(text).body
    assert isinstance(statement, cst.ClassDef)
    return methods(statement)


def put(
    path: str,
    source: str,
    class_name: str,
    given: Iterable[cst.FunctionDef],
    merge: Merge,
    after: str | None = None,
) -> str:
    """Put methods into a class.

    A method that replaces another keeps the comments before that one.

    :param path: the file, for the error
    :param source: its text
    :param class_name: the class
    :param given: the methods that it gets, in this order
    :param merge: returns what takes the place of a method, or is added
    :param after: the method behind which new ones go; else the last
    :returns: the new text
    :raises Unexpected: when there is no such class, or nothing to go behind
    """
    module = sources.parse(source)
    class_ = find(module, class_name)
    if class_ is None:
        raise errors.Unexpected(path, 1, f'class {class_name}')
    body = list(class_.body.body)
    added: list[cst.FunctionDef] = []
    for method in given:
        place = _place(body, method.name.value)
        if place is None:
            lines = [cst.EmptyLine(indent=False), *_own_comments(method)]
            new = merge(None, method)
            added.append(new.with_changes(leading_lines=lines))
        else:
            old = body[place]
            assert isinstance(old, cst.FunctionDef)
            body[place] = merge(old, method).with_changes(
                leading_lines=old.leading_lines
            )
    place = len(body) - 1 if after is None else _place(body, after)
    if place is None:
        raise errors.Unexpected(path, 1, f'method {after}')
    body[place + 1 : place + 1] = added
    changed = class_.with_changes(body=class_.body.with_changes(body=body))
    return sources.code(
        module.with_changes(
            body=[changed if s is class_ else s for s in module.body]
        )
    )


def _own_comments(method: cst.FunctionDef) -> list[cst.EmptyLine]:
    """Return the comments right before a method, not those of a section."""
    lines: list[cst.EmptyLine] = []
    for line in method.leading_lines:
        lines = [*lines, line] if line.comment is not None else []
    return lines


def _place(body: Sequence[cst.CSTNode], name: str) -> int | None:
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
