# SPDX-License-Identifier: Apache-2.0
"""Functions, methods and classes: put, replaced, removed, and their parts."""

import re

import libcst as cst

from patchset import errors
from patchset.edit import inside
from patchset.edit import members
from patchset.edit import omit
from patchset.edit import source as sources

_code = cst.Module([]).code_for_node


def put_methods(path: str, source: str, class_name: str, text: str) -> str:
    """Put methods into a class; those of the same name are replaced.

    :param text: the methods, or a class that has nothing else
    """
    methods = members.parse(text)
    return members.put(
        path, source, class_name, methods, lambda old, method: method
    )


def replace_method(
    path: str, source: str, class_name: str, name: str, text: str
) -> str:
    """Replace a method that must be there."""

    def replace(
        old: cst.FunctionDef | None, method: cst.FunctionDef
    ) -> cst.FunctionDef:
        if old is None:
            raise errors.Unexpected(path, 1, f'a method {class_name}.{name}')
        return method

    methods = members.parse(text)
    return members.put(path, source, class_name, methods, replace)


def remove(path: str, source: str, *names: str) -> str:
    """Remove functions, classes, and methods of whatever class."""
    omitter = omit.OmitDefinitions(names)
    module = sources.parse(source).visit(omitter)
    for name in names:
        if name not in omitter.omitted:
            raise errors.Unexpected(path, 1, name)
    return sources.code(module)


def remove_class(path: str, source: str, name: str) -> str:
    """Remove a class."""
    return remove(path, source, name)


def replace_expression(
    path: str, source: str, function: str, old: str, new: str
) -> str:
    """Replace an expression everywhere in a function."""
    expression = cst.parse_expression(new)

    def convert(original: cst.CSTNode, updated: cst.CSTNode) -> inside.Changed:
        if isinstance(original, cst.BaseExpression) and _code(original) == old:
            return expression.deep_clone()
        return updated

    return inside.change(path, source, function, old, convert)


def extract_loop_body(
    path: str, source: str, function: str, iterated: str, method: str
) -> str:
    """Make the body of a loop a method; the loop is replaced by its caller.

    :param function: ``Class.method`` that has the loop
    :param iterated: what the loop goes through
    :param method: the first lines of the new method, without its body
    """
    extracted: list[cst.CSTNode] = []

    def convert(original: cst.CSTNode, updated: cst.CSTNode) -> inside.Changed:
        if not isinstance(updated, cst.For) or _code(updated.iter) != iterated:
            return updated
        extracted[:] = updated.body.body
        passed = cst.IndentedBlock([cst.parse_statement('pass\n')])
        return updated.with_changes(body=passed)

    what = f'a loop over {iterated}'
    source = inside.change(path, source, function, what, convert)
    (new,) = members.parse(method)
    new = new.with_changes(
        body=new.body.with_changes(body=[new.body.body[0], *extracted])
    )
    class_name, _, after = function.partition('.')
    return members.put(
        path, source, class_name, [new], lambda old, method: method, after
    )


def remove_argument(
    path: str, source: str, function: str, keyword: str
) -> str:
    """Remove an argument, named by keyword or value, from the calls."""

    def is_it(arg: cst.Arg) -> bool:
        return _code(arg.keyword or arg.value) == keyword

    def convert(original: cst.CSTNode, updated: cst.CSTNode) -> inside.Changed:
        if not isinstance(updated, cst.Call):
            return updated
        args = [arg for arg in updated.args if not is_it(arg)]
        if len(args) == len(updated.args):
            return updated
        last = updated.args[-1]
        if args and is_it(last):
            args[-1] = args[-1].with_changes(
                comma=cst.MaybeSentinel.DEFAULT,
                whitespace_after_arg=last.whitespace_after_arg,
            )
        return updated.with_changes(args=args)

    what = f'an argument {keyword}'
    return inside.change(path, source, function, what, convert)


def remove_parameter(path: str, source: str, function: str, name: str) -> str:
    """Remove a parameter of a method, and what its docstring says of it."""
    # A field goes on until the next one, or the end.
    field = re.compile(
        rf'^( *):param {name}:.*\n(?:\1 +.*\n)*', flags=re.MULTILINE
    )

    def convert(original: cst.CSTNode, updated: cst.CSTNode) -> inside.Changed:
        if (
            not isinstance(updated, cst.FunctionDef)
            or updated.name.value != function.rpartition('.')[2]
        ):
            return updated
        params = [p for p in updated.params.params if p.name.value != name]
        if len(params) == len(updated.params.params):
            return updated
        docstring, *rest = updated.body.body
        code = _code(docstring)
        shorter = field.sub('', code, count=1)
        if shorter != code:
            docstring = cst.parse_statement(shorter.lstrip())
        return updated.with_changes(
            params=updated.params.with_changes(params=params),
            body=updated.body.with_changes(body=[docstring, *rest]),
        )

    what = f'a parameter {name}'
    return inside.change(path, source, function, what, convert)
