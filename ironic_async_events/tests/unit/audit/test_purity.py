# SPDX-License-Identifier: Apache-2.0
"""The core stands alone."""

import pathlib
import pkgutil
import subprocess
import sys

from oslotest import base

from ironic_async_events import audit


class PurityTest(base.BaseTestCase):
    def test_every_module_is_imported_without_any_installed_package(self):
        modules = [
            f'ironic_async_events.audit.{one.name}'
            for one in pkgutil.iter_modules(audit.__path__)
        ]
        self.assertIn('ironic_async_events.audit.rules', modules)
        root = pathlib.Path(audit.__file__).parents[2]
        program = (
            f'import sys; sys.path.insert(0, {str(root)!r}); '
            f'import {", ".join(modules)}; print("done")'
        )
        # -S: no site-packages; -I: nothing of the environment either.
        done = subprocess.run(
            [sys.executable, '-I', '-S', '-c', program],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(('done\n', ''), (done.stdout, done.stderr))
