# SPDX-License-Identifier: Apache-2.0
"""Load Ironic's own tests, after the plugin has been installed.

stestr discovers this module in each of its processes.
"""

import importlib
import importlib.util
import os
import pathlib
import unittest

from testtools import testsuite

from laboratory.upstream import testimony


def _load(name: str) -> unittest.TestSuite:
    # A loader of its own: discovery keeps its top directory on the loader.
    loader = unittest.TestLoader()
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return loader.loadTestsFromName(name)
    start = pathlib.Path(next(iter(spec.submodule_search_locations)))
    top = start.parents[name.count('.')]
    return loader.discover(str(start), top_level_dir=str(top))


def load_tests(
    loader: unittest.TestLoader, tests: object, pattern: object
) -> unittest.TestSuite:
    """Return Ironic's tests instead of this module's."""
    wanted = os.environ[testimony.PLUGIN] == 'active'
    if wanted:
        from ironic_async_events import plugin

        plugin.install()
    suite = _load(os.environ[testimony.SUITE])
    if wanted:
        # Not every suite brings the last of the modules that are patched.
        importlib.import_module('ironic.conductor.manager')
    testimony.testify([x.id() for x in testsuite.iterate_tests(suite)])
    return suite
