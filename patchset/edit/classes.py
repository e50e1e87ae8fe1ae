# SPDX-License-Identifier: Apache-2.0
"""Whole functions, methods and classes: put, replaced, removed."""

from collections.abc import Callable
import re
from typing import Any

import libcst as cst

from patchset import errors
from patchset.edit import fold
from patchset.edit import source as sources

_code = cst.Module([]).code_for_node

_Definition = cst.ClassDef | cst.FunctionDef


def _methods(text: str) -> list[cst.FunctionDef]:
    """Return methods; their text is that of a class, or of its inside."""
    text = text.lstrip('\n')
    if not text.startswith('class '):
        # Indented as they will be: the inside of a string is never moved.
        text = 'class Methods:\n' + text
    (statement,) = cst.parse_module(text).body
    assert isinstance(statement, cst.ClassDef)
    return [m for m in statement.body.body if isinstance(m, cst.FunctionDef)]


def put_methods(path: str, source: str, class_name: str, text: str) -> str:
    """Put methods into a class; those of the same name are replaced.

    :param text: the methods, or a class that has nothing else
    """
    methods = _methods(text)
    replacer = _Replacer(class_name, {m.name.value: m for m in methods})
    module = sources.parse(source).visit(replacer)
    if not replacer.found:
        raise errors.Unexpected(path, 1, f'class {class_name}')
    rest = [m for m in methods if m.name.value not in replacer.replaced]
    if not rest:
        return sources.code(module)
    return fold.fold(path, sources.code(module), class_name, rest, typed=True)


def replace_method(
    path: str, source: str, class_name: str, name: str, text: str
) -> str:
    """Replace a method that must be there."""
    methods = {m.name.value: m for m in _methods(text)}
    replacer = _Replacer(class_name, methods)
    module = sources.parse(source).visit(replacer)
    if name not in replacer.replaced:
        raise errors.Unexpected(path, 1, f'a method {class_name}.{name}')
    return sources.code(module)


class _Replacer(cst.CSTTransformer):
    def __init__(
        self, class_name: str, methods: dict[str, cst.FunctionDef]
    ) -> None:
        super().__init__()
        self._class_name = class_name
        self._methods = methods
        self._scope: list[str] = []
        self.found = False
        self.replaced: set[str] = set()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._scope.append(node.name.value)
        self.found = self.found or node.name.value == self._class_name

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        self._scope.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._scope.append(node.name.value)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self._scope.pop()
        name = original_node.name.value
        if self._scope == [self._class_name] and name in self._methods:
            self.replaced.add(name)
            return self._methods[name].with_changes(
                leading_lines=updated_node.leading_lines
            )
        return updated_node


def remove(path: str, source: str, *names: str) -> str:
    """Remove functions, classes, and methods of whatever class."""
    remover = _Remover(set(names))
    module = sources.parse(source).visit(remover)
    for name in names:
        if name not in remover.removed:
            raise errors.Unexpected(path, 1, name)
    return sources.code(module)


def remove_class(path: str, source: str, name: str) -> str:
    """Remove a class."""
    return remove(path, source, name)


class _Remover(cst.CSTTransformer):
    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self._names = names
        self._scope: list[str] = []
        self.removed: set[str] = set()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._scope.append(node.name.value)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._scope.append(node.name.value)

    def _leave(self, updated_node: _Definition) -> Any:
        name = self._scope.pop()
        if name in self._names:
            self.removed.add(name)
            return cst.RemoveFromParent()
        return updated_node

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef | cst.RemovalSentinel:
        return self._leave(updated_node)  # type: ignore[no-any-return]

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.RemovalSentinel:
        return self._leave(updated_node)  # type: ignore[no-any-return]


def replace_expression(
    path: str, source: str, function: str, old: str, new: str
) -> str:
    """Replace an expression everywhere in a function."""
    expression = cst.parse_expression(new)
    changer = _Changer(function, lambda node: _code(node) == old, expression)
    module = sources.parse(source).visit(changer)
    if not changer.matched:
        raise errors.Unexpected(
            path, sources.line_of(source, function), f'{old} in {function}'
        )
    return sources.code(module)


class _Changer(cst.CSTTransformer):
    def __init__(
        self,
        function: str,
        predicate: Callable[[cst.CSTNode], bool],
        expression: cst.BaseExpression,
    ) -> None:
        super().__init__()
        self._function = function
        self._predicate = predicate
        self._expression = expression
        self._scope: list[str] = []
        self.matched = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ClassDef | cst.FunctionDef):
            self._scope.append(node.name.value)
        return True

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        inside = '.'.join(self._scope).startswith(self._function)
        if isinstance(original_node, cst.ClassDef | cst.FunctionDef):
            self._scope.pop()
        elif (
            inside
            and isinstance(original_node, cst.BaseExpression)
            and self._predicate(original_node)
        ):
            self.matched += 1
            return self._expression.deep_clone()
        return updated_node


def extract_loop_body(
    path: str, source: str, function: str, iterated: str, method: str
) -> str:
    """Make the body of a loop a method; the loop is replaced by its caller.

    :param function: ``Class.method`` that has the loop
    :param iterated: what the loop goes through
    :param method: the first lines of the new method, without its body
    """
    extractor = _Extractor(function, iterated)
    module = sources.parse(source).visit(extractor)
    if extractor.body is None:
        raise errors.Unexpected(
            path,
            sources.line_of(source, function),
            f'a loop over {iterated} in {function}',
        )
    (new,) = _methods(method)
    documented = new.with_changes(
        body=new.body.with_changes(
            body=[new.body.body[0], *extractor.body.body]
        )
    )
    class_name, _, after = function.partition('.')
    return fold.fold(
        path,
        sources.code(module),
        class_name,
        [documented],
        after=after,
        typed=True,
    )


class _Extractor(cst.CSTTransformer):
    def __init__(self, function: str, iterated: str) -> None:
        super().__init__()
        self._function = function
        self._iterated = iterated
        self._scope: list[str] = []
        self.body: cst.BaseSuite | None = None

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._scope.append(node.name.value)

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        self._scope.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._scope.append(node.name.value)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self._scope.pop()
        return updated_node

    def leave_For(
        self, original_node: cst.For, updated_node: cst.For
    ) -> cst.For:
        if (
            '.'.join(self._scope) != self._function
            or _code(updated_node.iter) != self._iterated
        ):
            return updated_node
        self.body = updated_node.body
        passed = cst.IndentedBlock([cst.parse_statement('pass\n')])
        return updated_node.with_changes(body=passed)


def remove_argument(
    path: str, source: str, function: str, keyword: str
) -> str:
    """Remove a keyword argument from the calls in a function."""
    remover = _ArgumentRemover(function, keyword)
    module = sources.parse(source).visit(remover)
    if not remover.matched:
        raise errors.Unexpected(
            path,
            sources.line_of(source, function),
            f'an argument {keyword} in {function}',
        )
    return sources.code(module)


class _ArgumentRemover(_Changer):
    def __init__(self, function: str, keyword: str) -> None:
        super().__init__(function, lambda node: False, cst.Name('unused'))
        self._keyword = keyword

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        inside = '.'.join(self._scope).startswith(self._function)
        result = super().on_leave(original_node, updated_node)
        if not inside or not isinstance(updated_node, cst.Call):
            return result
        args = [a for a in updated_node.args if not self._is_it(a)]
        if len(args) == len(updated_node.args):
            return result
        self.matched += 1
        if self._is_it(updated_node.args[-1]):
            args[-1] = args[-1].with_changes(
                comma=cst.MaybeSentinel.DEFAULT,
                whitespace_after_arg=updated_node.args[
                    -1
                ].whitespace_after_arg,
            )
        return updated_node.with_changes(args=args)

    def _is_it(self, arg: cst.Arg) -> bool:
        if arg.keyword is not None:
            return arg.keyword.value == self._keyword
        return _code(arg.value) == self._keyword


def remove_parameter(path: str, source: str, function: str, name: str) -> str:
    """Remove a parameter of a method, and what its docstring says of it."""
    remover = _ParameterRemover(function, name)
    module = sources.parse(source).visit(remover)
    if not remover.matched:
        raise errors.Unexpected(path, 1, f'a parameter {name} of {function}')
    return sources.code(module)


class _ParameterRemover(cst.CSTTransformer):
    def __init__(self, function: str, name: str) -> None:
        super().__init__()
        self._function = function
        self._name = name
        self._scope: list[str] = []
        self.matched = 0

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._scope.append(node.name.value)

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        self._scope.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._scope.append(node.name.value)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        inside = '.'.join(self._scope) == self._function
        self._scope.pop()
        if not inside:
            return updated_node
        params = [
            p for p in updated_node.params.params if p.name.value != self._name
        ]
        self.matched = len(updated_node.params.params) - len(params)
        changed = updated_node.with_changes(
            params=updated_node.params.with_changes(params=params)
        )
        docstring = changed.body.body[0]
        code = _code(docstring)
        # A field goes on until the next one, or the end.
        pattern = rf'^( *):param {self._name}:.*\n(?:\1 +.*\n)*'
        shorter = re.sub(pattern, '', code, count=1, flags=re.MULTILINE)
        if shorter != code:
            statement = cst.parse_statement(shorter.lstrip())
            changed = changed.with_changes(
                body=changed.body.with_changes(
                    body=[statement, *changed.body.body[1:]]
                )
            )
        return changed
