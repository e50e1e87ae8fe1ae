# SPDX-License-Identifier: Apache-2.0

import textwrap

import libcst as cst
from oslotest import base

from patchset import errors
from patchset.edit import calls
from patchset.edit import classes
from patchset.edit import fold
from patchset.edit import imports
from patchset.edit import lists
from patchset.edit import older
from patchset.edit import omit
from patchset.edit import statements
from patchset.edit import tests


def text(block):
    return textwrap.dedent(block).lstrip('\n')


class OmitTestCase(base.BaseTestCase):
    def test_what_mentions_a_name_goes_with_what_it_empties(self):
        source = text("""
            def f(a, b):
                if b:
                    print(b)
                if a:
                    b.x()
                with a:
                    g(b)
                return a
            def b(): pass
        """)
        self.assertEqual(
            'def f(a, ):\n    return a\n',
            omit.omit(cst.parse_module(source), {'b'}).code,
        )

    def test_definitions_alone(self):
        source = 'def b(): pass\nb = 1\n'
        self.assertEqual(
            'b = 1\n',
            omit.omit_definitions(cst.parse_module(source), {'b'}).code,
        )


class FoldTestCase(base.BaseTestCase):
    parent = text("""
        class A(object):
            def m(self, x):
                \"\"\"Of the parent.\"\"\"
                self.x = x

            def last(self):
                pass
    """)

    def fold(self, method):
        (parsed,) = cst.parse_module(text(method)).body
        return fold.fold('a.py', self.parent, 'A', [parsed])

    def test_a_call_of_super_becomes_the_body_of_the_parent(self):
        folded = self.fold("""
            def m(self, x: int) -> None:
                \"\"\"See ``A.m()``; see ``A.m()``.\"\"\"
                before()
                super().m(wrap(x))
                after()
        """)
        self.assertIn(
            '        before()\n'
            '        x = wrap(x)\n'
            '        self.x = x\n'
            '        after()\n',
            folded,
        )
        self.assertIn('Of the parent.', folded)
        self.assertNotIn('int', folded)

    def test_another_method_is_replaced_or_added(self):
        self.assertNotIn('self.x', self.fold('def m(self): pass\n'))
        self.assertIn('def n(self, a=1):', self.fold('def n(self, a=1): 0\n'))

    def test_no_class_is_unexpected(self):
        error = self.assertRaises(
            errors.Unexpected, fold.fold, 'a.py', 'x = 1\n', 'A', []
        )
        self.assertEqual('a.py:1: expected class A', str(error))

    def test_super_of_what_is_not_there_is_unexpected(self):
        self.assertRaises(
            errors.Unexpected, self.fold, 'def n(self):\n    super().n()\n'
        )


class CallsTestCase(base.BaseTestCase):
    def test_a_callback_becomes_an_event(self):
        source = text("""
            def f(self, task):
                task.process_event(
                    'clean',
                    callback=self._spawn_worker,
                    call_args=(do_it, task,
                               steps),
                    err_handler=handler,
                    target_state=states.MANAGEABLE)
                task.process_event('done')
        """)
        expected = text("""
            def f(self, task):
                task.spawn_after(
                    self._spawn_worker, do_it, task, steps,
                    event='clean', target_state=states.MANAGEABLE)
                task.process_event('done')
        """)
        self.assertEqual((expected, 1), calls.convert('a.py', source))

    def test_another_form_is_unexpected(self):
        for rest in ('call_args=args', 'call_kwargs={}, call_args=()'):
            error = self.assertRaises(
                errors.Unexpected,
                calls.convert,
                'a.py',
                f'\ntask.process_event(event, callback=c, {rest})\n',
            )
            self.assertEqual(2, error.line)


class TestsTestCase(base.BaseTestCase):
    def test_an_expected_callback_becomes_an_expected_spawn(self):
        source = text("""
            @mock.patch.object(task_manager.TaskManager, 'process_event')
            def test(self, mock_event):
                mock_event.assert_called_once_with(
                    mock.ANY, 'clean', callback=mock.ANY,
                    call_args=(f, task), err_handler=mock.ANY)
                task.process_event.assert_called_with(
                    'fail', callback=s, call_args=mock.ANY)
        """)
        changed, number = tests.expect_spawns(source)
        self.assertEqual(2, number)
        self.assertIn("TaskManager, 'spawn_after')", changed)
        self.assertIn(
            "(mock.ANY, mock.ANY, f, task, event='clean')",
            ' '.join(changed.split()).replace('( ', '('),
        )
        self.assertIn('task.spawn_after.assert_called_with(', changed)

    def test_a_mocked_worker_begins(self):
        source = text("""
            @mock.patch('a.ConductorManager._spawn_worker',
                        autospec=True)
            def test(self, mock_spawn):
                pass
        """)
        changed, number = tests.let_workers_begin(source)
        self.assertEqual(1, number)
        self.assertIn(
            'autospec=True,\n'
            '            side_effect=mgr_utils.post_process)\n',
            changed,
        )


class StatementsTestCase(base.BaseTestCase):
    source = text("""
        class A:
            def f(self):

                # why
                x = 1
                g(x)

            def g(self):
                x = 1
    """)

    def edit(self, predicate, **kwargs):
        return statements.edit(
            'a.py', self.source, 'A.f', predicate, 'it', **kwargs
        )

    def test_only_the_function_is_edited(self):
        edited = self.edit(statements.assigns('x'), by='y = 2\n')
        self.assertIn('def f(self):\n\n        y = 2\n        g(x)', edited)
        self.assertIn('def g(self):\n        x = 1\n', edited)

    def test_before_and_after(self):
        edited = self.edit(
            statements.calls('g'), before='# b\nb()', after='a()'
        )
        self.assertIn(
            '        # b\n        b()\n        g(x)\n        a()\n', edited
        )

    def test_what_is_not_there_is_unexpected(self):
        error = self.assertRaises(
            errors.Unexpected, self.edit, statements.calls('h'), by=''
        )
        self.assertEqual('a.py:2: expected it in A.f', str(error))


class ClassesTestCase(base.BaseTestCase):
    source = text("""
        class A:
            # why
            def f(self, a=None):
                g(1, a=a)

            def ff(self):
                g(1, a=a)
    """)

    def test_methods_are_replaced_in_their_place_or_added(self):
        expected = text("""
            class A:
                # why
                @new
                def f(self): pass

                def ff(self):
                    g(1, a=a)

                # because
                def h(self, a: int = 1): pass
        """)
        put = (
            '    @new\n'
            '    def f(self): pass\n\n'
            '    # because\n'
            '    def h(self, a: int = 1): pass\n'
        )
        self.assertEqual(
            expected, classes.put_methods('a.py', self.source, 'A', put)
        )

    def test_of_a_property_the_setter_stays(self):
        source = text("""
            class A:
                @property
                def f(self): pass

                @f.setter
                def f(self, f): pass
        """)
        put = '    @property\n    def f(self): return 1\n'
        changed = classes.put_methods('a.py', source, 'A', put)
        self.assertEqual(
            source.replace('f(self): pass', 'f(self): return 1'), changed
        )

    def test_a_method_that_is_to_be_replaced_is_there(self):
        method = '    def h(self): pass\n'
        error = self.assertRaises(
            errors.Unexpected,
            classes.replace_method,
            *('a.py', self.source, 'A', 'h', method),
        )
        self.assertEqual('a.py:1: expected a method A.h', str(error))

    def test_methods_and_classes_are_removed(self):
        changed = classes.remove('a.py', self.source, 'ff')
        self.assertEqual(self.source.partition('\n    def ff')[0], changed)
        self.assertNotIn(
            'class', classes.remove_class('a.py', self.source, 'A')
        )
        error = self.assertRaises(
            errors.Unexpected, classes.remove, 'a.py', self.source, 'f', 'x'
        )
        self.assertEqual('a.py:1: expected x', str(error))

    def test_only_the_function_of_this_name_is_changed(self):
        changed = classes.remove_argument('a.py', self.source, 'A.f', 'a')
        self.assertEqual(self.source.replace('g(1, a=a)', 'g(1)', 1), changed)
        changed = classes.replace_expression(
            'a.py', self.source, 'A.f', 'g', 'h'
        )
        self.assertEqual(self.source.replace('g(', 'h(', 1), changed)

    def test_of_a_class_every_method_is_changed(self):
        changed = classes.remove_argument('a.py', self.source, 'A', 'a')
        self.assertEqual(self.source.replace('g(1, a=a)', 'g(1)'), changed)

    def test_what_is_not_in_the_function_is_unexpected(self):
        for change, what in (
            (classes.remove_argument, 'an argument x'),
            (classes.remove_parameter, 'a parameter x'),
        ):
            error = self.assertRaises(
                errors.Unexpected, change, 'a.py', self.source, 'A.f', 'x'
            )
            self.assertEqual(f'a.py:3: expected {what} in A.f', str(error))

    def test_a_parameter_goes_with_what_is_said_of_it(self):
        source = (
            'class A:\n'
            '    def f(self, a, b=None,\n'
            '          c=1):\n'
            '        """Do.\n\n'
            '        :param a: one\n'
            '        :param b: two\n'
            '            of it\n'
            '        :param c: three\n'
            '        """\n'
        )
        changed = classes.remove_parameter('a.py', source, 'A.f', 'b')
        self.assertNotIn('two', changed)
        self.assertNotIn('of it', changed)
        self.assertIn('        :param c: three\n        """\n', changed)

    def test_the_body_of_a_loop_becomes_a_method(self):
        source = text("""
            class A:
                def f(self):
                    for x in xs:
                        with x:
                            g(x)
        """)
        changed = classes.extract_loop_body(
            'a.py', source, 'A.f', 'xs', '    def h(self, x):\n        "Do."\n'
        )
        self.assertIn(
            '    def h(self, x):\n        "Do."\n'
            '        with x:\n            g(x)\n',
            changed,
        )


class ImportsTestCase(base.BaseTestCase):
    def test_groups_order_and_use(self):
        source = text("""
            import copy
            from ironic.conductor import utils
            import unused

            copy, utils, cfg, states
        """)
        expected = text("""
            import copy

            from oslo_config import cfg

            from ironic.common import states
            from ironic.conductor import utils

            copy, utils, cfg, states
        """)
        self.assertEqual(
            expected,
            imports.organise(
                source,
                [
                    'from oslo_config import cfg',
                    'from ironic.common import states',
                ],
            ),
        )


class SmallTestCase(base.BaseTestCase):
    def test_an_element_is_appended(self):
        self.assertEqual(
            'opts = [\n    1,\n    2,\n]\n',
            lists.append('a.py', 'opts = [\n    1,\n]\n', 'opts', '    2,\n'),
        )
        self.assertRaises(
            errors.Unexpected, lists.append, 'a.py', 'x = []\n', 'opts', ''
        )

    def test_code_for_an_older_python(self):
        source = text("""
            \"\"\"Do.\"\"\"
            isinstance(a, B | C)
            zip(a, b, strict=True)
        """)
        self.assertEqual(source, older.rewrite(source, (3, 11)))
        rewritten = older.rewrite(source, (3, 9))
        self.assertIn('from __future__ import annotations', rewritten)
        self.assertIn('isinstance(a, (B, C))', rewritten)
        self.assertIn('zip(a, b)', rewritten)
