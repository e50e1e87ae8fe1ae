# SPDX-License-Identifier: Apache-2.0
"""A state that is saved by one UPDATE, on databases that are servers."""

import subprocess
import sys

from ironic_async_events.tests.functional import base


class SavingTestCase(base.FunctionalTestCase):
    """Every transition of Ironic, saved in both ways."""

    def assert_equal(self, url: str) -> None:
        """Compare the two ways in an empty database."""
        done = subprocess.run(
            [sys.executable, '-m', 'laboratory.saved', url],
            capture_output=True,
            check=False,
            text=True,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r'[1-9]\d\d of them saved by one UPDATE')

    def test_mariadb(self) -> None:
        self.assert_equal(base.new_database())

    def test_postgresql(self) -> None:
        self.assert_equal(base.new_database(base.postgresql))
