# SPDX-License-Identifier: Apache-2.0
"""A git work tree that looks like Ironic from afar."""

import contextlib
import io
import pathlib
import subprocess
import tempfile

from oslotest import base

from patchset import __main__ as program


class TreeTestCase(base.BaseTestCase):
    """Tests of the program, on a tree of their own."""

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tree = pathlib.Path(directory.name) / 'ironic'
        self.write('PKG-INFO', 'Name: ironic\nVersion: 39.0.0\n')
        self.write('ironic/conductor/task_manager.py', 'import copy\n')

    def write(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *args):
        identity = ['-c', 'user.name=x', '-c', 'user.email=x@localhost']
        return subprocess.run(
            ['git', '-C', str(self.tree), *identity, *args],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def commit(self, message='Ironic'):
        self.git('init', '--quiet')
        self.git('add', '--all')
        self.git('commit', '--quiet', '--allow-empty', '-m', message)

    def run_program(self, *args):
        """Run it; return its code, and the lines of what it says."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = program.main([str(arg) for arg in args])
        return code, out.getvalue().splitlines() + err.getvalue().splitlines()

    def assert_refused(self, pattern, *args):
        """Assert that it says one line and changes nothing."""
        before = self.state()
        code, lines = self.run_program(*args)
        self.assertEqual((1, 1), (code, len(lines)), lines)
        self.assertRegex(lines[0], pattern)
        self.assertEqual(before, self.state())

    def state(self):
        return sorted(
            (str(path), path.read_bytes())
            for path in self.tree.glob('**/*')
            if path.is_file() and path.name != 'index'
        )
