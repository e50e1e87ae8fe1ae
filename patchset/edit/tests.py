# SPDX-License-Identifier: Apache-2.0
"""Changes to Ironic's own unit tests that follow a rule."""

import libcst as cst
from libcst import metadata

from patchset.edit import calls
from patchset.edit import source as sources

UNIT = 'ironic/tests/unit/conductor'
TASK_MANAGER = f'{UNIT}/test_task_manager.py'
MANAGER = f'{UNIT}/test_manager.py'
BASE_MANAGER = f'{UNIT}/test_base_manager.py'
DEPLOYMENTS = f'{UNIT}/test_deployments.py'
UTILS = f'{UNIT}/test_utils.py'
MANAGER_UTILS = f'{UNIT}/mgr_utils.py'

_code = cst.Module([]).code_for_node

_ASSERTIONS = (
    'assert_any_call',
    'assert_called_once_with',
    'assert_called_with',
)


def expect_spawns(source: str) -> tuple[str, int]:
    """Expect ``spawn_after()`` where a callback was expected.

    :param source: a module of tests
    :returns: the new text, and the number of expectations that changed
    """
    wrapper = sources.positioned(source)
    expectations = _Expectations()
    return sources.code(wrapper.visit(expectations)), expectations.changed


class _Expectations(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (metadata.PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self._column = 0
        self._here = 0
        self.changed = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        position = self.get_metadata(metadata.PositionProvider, node)
        self._column = position.start.column

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._here = 0

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        if not self._here:
            return updated_node
        # Then this test has mocked what is spawned.
        renamed = updated_node.visit(_Renamer())
        assert isinstance(renamed, cst.FunctionDef)
        return renamed

    def leave_Call(
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        given = {
            arg.keyword.value: arg.value
            for arg in updated_node.args
            if arg.keyword is not None
        }
        function = _code(updated_node.func)
        expects = function == 'mock.call' or function.endswith(_ASSERTIONS)
        if 'callback' not in given or not expects:
            return updated_node
        *first, event = [a for a in updated_node.args if a.keyword is None]
        args = given.get('call_args')
        words = [_flat(arg.value) for arg in first]
        words.append(_flat(given['callback']))
        if isinstance(args, cst.Tuple):
            words += [_flat(element.value) for element in args.elements]
        else:
            # Whatever they were: the function and its task.
            words += ['mock.ANY', 'mock.ANY']
        words.append(f'event={_flat(event.value)}')
        words += [
            f'{name}={_flat(given[name])}'
            for name in ('target_state', 'last_error')
            if name in given
        ]
        self._here += 1
        self.changed += 1
        return calls.call(
            function.replace('.process_event.', '.spawn_after.'),
            words,
            self._column,
            self.get_metadata(
                metadata.PositionProvider, original_node
            ).start.column,
        )


class _Renamer(cst.CSTTransformer):
    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        value = updated_node.value
        if (
            isinstance(value, cst.Attribute)
            and value.attr.value == 'process_event'
        ):
            renamed = value.with_changes(attr=cst.Name('spawn_after'))
            return updated_node.with_changes(value=renamed)
        return updated_node

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        for text in ("'process_event'", "TaskManager.process_event'"):
            if updated_node.value.endswith(text):
                return updated_node.with_changes(
                    value=updated_node.value.replace(
                        'process_event', 'spawn_after'
                    )
                )
        return updated_node


def _flat(expression: cst.BaseExpression) -> str:
    return ' '.join(_code(expression).split())


def let_workers_begin(source: str) -> tuple[str, int]:
    """Have mocks of ``_spawn_worker`` post-process the events of the task.

    :param source: a module of tests
    :returns: the new text, and the number of mocks
    """
    spawners = _Spawners()
    wrapper = sources.positioned(source)
    return sources.code(wrapper.visit(spawners)), spawners.changed


class _Spawners(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (metadata.PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changed = 0

    def leave_Decorator(
        self, original_node: cst.Decorator, updated_node: cst.Decorator
    ) -> cst.Decorator:
        # What a test mocks for a block, it gives an effect itself.
        call = original_node.decorator
        if not isinstance(call, cst.Call):
            return updated_node
        return updated_node.with_changes(decorator=self._with_effect(call))

    def leave_With(
        self, original_node: cst.With, updated_node: cst.With
    ) -> cst.With:
        # A block that mocks what is returned: the future of another worker.
        name = next(
            (
                _code(item.asname.name)
                for item in updated_node.items
                if item.asname and "'_spawn_worker'" in _code(item.item)
            ),
            None,
        )
        body = updated_node.body
        if name is None or not isinstance(body, cst.IndentedBlock):
            return updated_node
        first = body.body[0]
        if not _code(first).strip().startswith(f'{name}.return_value = '):
            return updated_node
        effect = cst.parse_statement(
            f'{name}.side_effect = mgr_utils.post_process\n'
        )
        self.changed += 1
        return updated_node.with_changes(
            body=body.with_changes(body=[first, effect, *body.body[1:]])
        )

    def _with_effect(self, node: cst.Call) -> cst.Call:
        function = _code(node.func)
        names = [
            _code(arg.value).rstrip("'")
            for arg in node.args
            if arg.keyword is None
        ]
        keywords = [a.keyword.value for a in node.args if a.keyword]
        if (
            function not in ('mock.patch', 'mock.patch.object')
            or not names
            or not names[-1].endswith('_spawn_worker')
            or keywords != ['autospec']
        ):
            return node
        self.changed += 1
        last = node.args[-1]
        column = self.get_metadata(
            metadata.PositionProvider, node.args[0]
        ).start.column
        comma = cst.Comma(
            whitespace_after=cst.ParenthesizedWhitespace(
                first_line=cst.TrailingWhitespace(),
                indent=False,
                last_line=cst.SimpleWhitespace(' ' * column),
            )
        )
        added = cst.Arg(
            keyword=cst.Name('side_effect'),
            value=cst.parse_expression('mgr_utils.post_process'),
            equal=last.equal,
        )
        return node.with_changes(
            args=[
                *node.args[:-1],
                last.with_changes(
                    comma=comma,
                    whitespace_after_arg=cst.SimpleWhitespace(''),
                ),
                added,
            ]
        )
