# SPDX-License-Identifier: Apache-2.0

import contextlib
import io
import pathlib
import tempfile

from oslotest import base

from patchset import __main__ as program
from patchset import edit
from patchset import rules
from patchset import series
from patchset import tree as trees

MODULE = """import os

class Manager:
    def do(self, task):
        # why
        if task:
            self.save()

        self.save(1)
"""


class TreeTestCase(base.BaseTestCase):
    """The program, on a git work tree that looks like Ironic from afar."""

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tree = pathlib.Path(directory.name) / 'ironic'
        self.write('ironic/conductor/task_manager.py', 'import copy\n')
        self.git = trees.Tree(self.tree).git
        self.git('init', '--quiet')

    def write(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, message='Ironic'):
        self.git('add', '--all')
        self.git('commit', '--quiet', '--allow-empty', '-m', message)

    def run_program(self, *args):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = program.main([str(arg) for arg in args])
        return code, out.getvalue().splitlines()

    def assert_refused(self, pattern, *args):
        """Assert that the program says one line and changes nothing."""
        before = sorted(self.tree.glob('**/*'))
        code, lines = self.run_program(*args)
        self.assertEqual((1, 1), (code, len(lines)), lines)
        self.assertRegex(lines[0], pattern)
        self.assertEqual(before, sorted(self.tree.glob('**/*')))

    def test_trees_that_do_not_fit(self):
        self.assert_refused('with a commit', 'apply', self.tree)
        self.commit()
        self.assert_refused('not the top', 'apply', self.tree / 'ironic')
        expected = r'commit 1 .* ironic/conductor/manager.py:1: expected'
        self.assert_refused(expected, 'apply', self.tree)
        self.assert_refused(expected, 'check', self.tree)
        self.assert_refused('no commit 99', 'apply', self.tree, '--upto', '99')
        self.assert_refused('patchset apply', 'export', self.tree, self.tree)
        self.write('setup.py', '')
        self.assert_refused('uncommitted', 'apply', self.tree)
        self.commit()
        (self.tree / 'ironic/conductor/task_manager.py').unlink()
        self.commit()
        self.assert_refused('no source tree of Ironic', 'apply', self.tree)

    def test_a_whole_tree(self):
        self.commit()
        for commit in series.commits():
            self.write('file', commit.name)
            self.commit(commit.message)
        self.assert_refused('already has', 'apply', self.tree, '--only', '2')
        code, lines = self.run_program('check', self.tree)
        self.assertEqual((0, 'nothing is missing'), (code, lines[-1]))
        code, lines = self.run_program('export', self.tree, self.tree / 'out')
        self.assertEqual((0, 10), (code, len(lines)))
        self.assertIn('0001-', lines[0])
        self.assertIn('0010-Do-not-load', lines[-1])

    def test_messages(self):
        commits = series.commits('*')
        for commit in commits:
            subject, blank, *body = commit.message.splitlines()
            self.assertLessEqual(len(subject), 50)
            self.assertEqual('', blank)
            self.assertLessEqual(max(map(len, body)), 72)
            self.assertRegex(body[-1], '^Change-Id: I[0-9a-f]{40}$')
        self.assertEqual(11, len({commit.change_id for commit in commits}))


class EditTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.file = edit.File('m.py', MODULE)
        self.file.select('Manager.do')

    def test_statements(self):
        self.file.put('replace', 'self.save()', 'task.save()\n')
        self.file.cut('self.save(1)')
        self.file.put('before', 'if task', 'x = 1\n', lead=1)
        self.assertIn(
            '        x = 1\n        # why\n        if task:\n'
            '            task.save()\n',
            self.file.text,
        )
        self.assertNotIn('save(1)', self.file.text)

    def test_methods(self):
        self.file.add('Manager.do', 'def undo(self):\n    pass\n')
        self.file.remove('Manager.do')
        self.assertEqual(['Manager.undo'], list(self.file.methods()))

    def test_what_is_not_there(self):
        for edits in (
            lambda: self.file.select('Manager.do', '01234567'),
            lambda: self.file.select('Manager.undo'),
            lambda: self.file.put('replace', 'self.load', ''),
            lambda: self.file.sub('save', 'load'),
            lambda: self.file.remove('.*undo'),
        ):
            self.assertRaises(edit.Unexpected, edits)

    def test_a_callback_becomes_an_event(self):
        self.file.put(
            'replace',
            'self.save(1)',
            "task.process_event('deploy', callback=self._spawn,\n"
            '                   call_args=(run, task), err_handler=hook)\n',
        )
        rules.spawn_with_events(self.file)
        self.assertIn(
            "task.spawn_after(self._spawn, run, task, event='deploy')\n",
            self.file.text,
        )
        self.assertRaises(edit.Unexpected, rules.spawn_with_events, self.file)
