# SPDX-License-Identifier: Apache-2.0
"""What follows a rule: call sites, and what tests expect of them."""

import ast
import pathlib
import re

from patchset import edit

_WIDTH = 79
_RACES = 'ironic_async_events/tests/unit/races.py'

#: What is spawned with an event.
_FUNCTIONS = (
    *('do_node_deploy', 'do_node_clean', 'do_node_service', 'do_node_verify'),
    *('_do_node_rescue', '_do_node_unrescue', '_do_node_tear_down'),
    *('_do_adoption', '_abort', 'inspect_hardware', 'continue_inspection'),
    *('continue_node_clean', 'continue_node_deploy', 'continue_node_service'),
)


def spawn_with_events(file: edit.File) -> None:
    """Turn ``process_event(callback=...)`` into ``spawn_after(event=...)``."""
    calls = _calls_with_callback(file, 'process_event')
    if not calls:
        raise file.unexpected('process_event(callback=...)')
    for call in calls:
        given = {keyword.arg for keyword in call.keywords}
        if (
            len(call.args) != 1
            or not isinstance(_keyword(call, 'call_args'), ast.Tuple)
            or given & {'call_kwargs', None}
        ):
            raise edit.Unexpected(
                file.path, call.lineno, 'event, callback=, call_args=(...)'
            )
        callee = ast.unparse(call.func).removesuffix('process_event')
        _write(file, call, f'{callee}spawn_after', _words(file, call))


def expect_events(file: edit.File) -> None:
    """Expect ``spawn_after(event=...)`` where a callback was expected."""
    changed = set()
    for call in _calls_with_callback(file, 'call', 'assert_'):
        callee = _source(file, call.func)
        _write(file, call, callee, _words(file, call))
        changed.add(_method_at(file, call))
    for name in changed:
        file.select(name)
        file.sub(
            r"(process_event)(?=')|(?<=\.)process_event(?=\.)",
            'spawn_after',
            many=True,
        )


def expect_workers(file: edit.File, unless: str, also: str) -> None:
    """Have mocks of ``_spawn_worker`` save what a worker would save.

    Where a function is expected to be spawned, it is spawned with an event.

    :param unless: matches the names of tests in which it is not
    :param also: those of tests that expect nothing of their ``mock_spawn``
    """
    changed = {
        name: 'mock_spawn'
        for name in file.methods()
        if re.fullmatch(also, name.rpartition('.')[2])
    }
    for call in _calls(file, 'assert_called'):
        mock = ast.unparse(call.func).partition('.')[0]
        names = [ast.unparse(arg) for arg in call.args]
        method = _method_at(file, call) if 'spawn' in mock else ''
        if (
            not any(name.endswith(_FUNCTIONS) for name in names)
            or not method
            or re.fullmatch(unless, method.rpartition('.')[2])
        ):
            continue
        words = [
            f'mgr_utils.WithEvent({source})'
            if name.endswith(_FUNCTIONS)
            else source
            for name, source in zip(names, _sources(file, call), strict=False)
        ]
        words += _sources(file, call)[len(words) :]
        _write(file, call, _source(file, call.func), words)
        changed[method] = mock
    for method, mock in changed.items():
        file.select(method)
        test = file.find(method)
        assert isinstance(test, ast.FunctionDef)
        effect = f'{mock}.side_effect = mgr_utils.begin_work\n'
        if f'{mock}.side_effect' in ast.unparse(test):
            continue
        if mock not in [arg.arg for arg in test.args.args]:
            file.put('after', f'{mock}.return_value', effect)
        else:
            where = 'after' if ast.get_docstring(test) else 'before'
            file.put(where, '', effect)


def add_races(file: edit.File) -> None:
    """Append the tests that the plugin passes, too."""
    races = (pathlib.Path(__file__).parents[1] / _RACES).read_text()
    file.text += races[races.index('\n\nclass') :]


def _calls(file: edit.File, *names: str) -> list[ast.Call]:
    """Return the calls of what begins so, the last of them first."""
    calls = [
        node
        for node in ast.walk(edit.parse(file.text))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition('.')[2].startswith(names)
    ]
    # what is changed behind a call leaves its place as it is
    return sorted(calls, key=lambda c: (c.lineno, c.col_offset), reverse=True)


def _calls_with_callback(file: edit.File, *names: str) -> list[ast.Call]:
    return [c for c in _calls(file, *names) if _keyword(c, 'callback')]


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def _words(file: edit.File, call: ast.Call) -> list[str]:
    """Return the arguments of the call with an event."""
    words = [_source(file, arg) for arg in call.args]
    event = f'event={words.pop()}'
    callback, args = (_keyword(call, n) for n in ('callback', 'call_args'))
    # whatever they are: the function and its task
    words += [_source(file, callback), 'mock.ANY', 'mock.ANY']
    if isinstance(args, ast.Tuple):
        words[-2:] = [_source(file, element) for element in args.elts]
    return [*words, event] + [
        f'{name}={_source(file, value)}'
        for name in ('target_state', 'last_error')
        if (value := _keyword(call, name))
    ]


def _sources(file: edit.File, call: ast.Call) -> list[str]:
    return [_source(file, arg) for arg in call.args] + [
        f'{k.arg}={_source(file, k.value)}' for k in call.keywords
    ]


def _source(file: edit.File, node: ast.AST | None) -> str:
    assert node is not None
    source = ast.get_source_segment(file.text, node)
    assert source is not None
    return ' '.join(source.split())


def _method_at(file: edit.File, call: ast.Call) -> str:
    """Return the name of the method that has a call."""
    for name, node in file.methods().items():
        if node.lineno <= call.lineno <= edit.end(node):
            return name
    raise edit.Unexpected(file.path, call.lineno, 'a method')


def _write(
    file: edit.File, call: ast.Call, callee: str, words: list[str]
) -> None:
    """Write another call in the place of one, in a hanging indent if long."""
    lines = file.text.splitlines()
    assert call.end_lineno is not None
    head = lines[call.lineno - 1].encode()[: call.col_offset].decode()
    tail = lines[call.end_lineno - 1].encode()[call.end_col_offset :].decode()
    text = f'{callee}({", ".join(words)})'
    if len(head + text + tail) > _WIDTH:
        indent = ' ' * (len(head) - len(head.lstrip()) + 4)
        rows = [indent]
        for word in words:
            # where the event begins, begins what is not the worker's
            if len(rows[-1] + word) > _WIDTH - 2 or word.startswith('event='):
                rows.append(indent)
            rows[-1] += f'{word}, '
        text = '\n'.join([f'{callee}(', *(row.rstrip() for row in rows)])
        text = f'{text.removesuffix(",")})'
    file.splice(call.lineno, call.end_lineno, f'{head}{text}{tail}\n')
