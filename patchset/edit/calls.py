# SPDX-License-Identifier: Apache-2.0
"""``process_event(callback=...)`` becomes ``spawn_after(..., event=...)``."""

import libcst as cst
from libcst import metadata

from patchset import errors
from patchset.edit import source as sources

_WIDTH = 79
_code = cst.Module([]).code_for_node


def convert(path: str, source: str) -> tuple[str, int]:
    """Convert every call that starts work with a callback.

    :param path: the file, for the error
    :param source: its text
    :returns: the new text, and how many calls were converted
    :raises Unexpected: when a call has another form
    """
    converter = _Converter(path)
    module = sources.positioned(source).visit(converter)
    return sources.code(module), converter.converted


class _Converter(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (metadata.PositionProvider,)

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._column = 0
        self.converted = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        position = self.get_metadata(metadata.PositionProvider, node)
        self._column = position.start.column

    def leave_Call(
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        function = updated_node.func
        given = {
            arg.keyword.value: arg.value
            for arg in updated_node.args
            if arg.keyword is not None
        }
        if (
            not isinstance(function, cst.Attribute)
            or function.attr.value != 'process_event'
            or 'callback' not in given
        ):
            return updated_node
        line = self.get_metadata(
            metadata.PositionProvider, original_node
        ).start.line
        positional = [a.value for a in updated_node.args if a.keyword is None]
        args = given.pop('call_args', None)
        if (
            len(positional) != 1
            or not isinstance(args, cst.Tuple)
            or not given.keys()
            <= {'callback', 'err_handler', 'target_state', 'last_error'}
        ):
            raise errors.Unexpected(
                self._path,
                line,
                'process_event(event, callback=..., call_args=(...), ...)',
            )
        self.converted += 1
        words = [_flat(given['callback'])]
        words += [_flat(element.value) for element in args.elements]
        words.append(f'event={_flat(positional[0])}')
        words += [
            f'{name}={_flat(given[name])}'
            for name in ('target_state', 'last_error')
            if name in given
        ]
        callee = _code(function.value) + '.spawn_after'
        return call(callee, words, self._column)


def _flat(expression: cst.BaseExpression) -> str:
    return ' '.join(_code(expression).split())


def call(
    callee: str, words: list[str], column: int, start: int | None = None
) -> cst.Call:
    """Write a call with a hanging indent that does not exceed the line.

    :param callee: what is called
    :param words: the arguments
    :param column: where the statement begins
    :param start: where the call begins, if not with the statement
    """
    indent = ' ' * (column + 4)
    text = callee + '(' + ', '.join(words) + ')'
    if '\n' in callee or (start or column) + len(text) > _WIDTH:
        lines: list[str] = []
        for number, word in enumerate(words):
            piece = word + (')' if number == len(words) - 1 else ',')
            joined = f'{lines[-1]} {piece}' if lines else ''
            # Where the event begins, begins what is not the worker's.
            own = word.startswith('event=')
            if lines and len(joined) <= _WIDTH and not own:
                lines[-1] = joined
            else:
                lines.append(indent + piece)
        text = f'{callee}(\n' + '\n'.join(lines)
    # The tree of a call knows relative indentation only.
    relative = text.replace('\n' + ' ' * column, '\n')
    parsed = cst.parse_statement(relative + '\n')
    assert isinstance(parsed, cst.SimpleStatementLine)
    expression = parsed.body[0]
    assert isinstance(expression, cst.Expr)
    assert isinstance(expression.value, cst.Call)
    return expression.value
