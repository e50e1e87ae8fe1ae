# SPDX-License-Identifier: Apache-2.0
"""A state that is saved by one UPDATE, on databases that are servers."""

import os
import subprocess
import sys

from ironic_async_events.tests.functional import base

_TESTS = 'ironic_async_events.tests.unit.compared.test_compared'


class SavingTestCase(base.FunctionalTestCase):
    """Every transition of Ironic, saved by Ironic and by the plugin."""

    def assert_equal(self, url: str) -> None:
        """Compare the two ways in an empty database."""
        done = subprocess.run(
            [sys.executable, '-m', 'unittest', _TESTS, '-ksave'],
            env={**os.environ, 'COMPARED_DATABASE': url},
            capture_output=True,
            check=False,
            text=True,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertRegex(done.stderr, r'Ran 1\d tests')

    def test_mariadb(self) -> None:
        self.assert_equal(base.new_database())

    def test_postgresql(self) -> None:
        self.assert_equal(base.new_database(base.postgresql))
