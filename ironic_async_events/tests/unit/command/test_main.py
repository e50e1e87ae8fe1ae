# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys

from oslotest import base

# None is what makes Python say that there is no such module.
_WITHOUT_CLIFF = """
import sys
sys.modules['cliff'] = None
from ironic_async_events.command import __main__ as start
sys.exit(start.main())
"""


class StartTest(base.BaseTestCase):
    def test_a_library_that_is_missing_is_named_with_its_extra(self):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', _WITHOUT_CLIFF],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(2, done.returncode)
        self.assertEqual(
            'ironic-async-events: cliff is missing; install what the commands '
            'need (the extra "audit"): pip install cliff matplotlib rich\n',
            done.stderr,
        )
