# SPDX-License-Identifier: Apache-2.0
"""The laboratory's own tests run with the unit tests."""

import pathlib
import unittest

import laboratory


def load_tests(
    loader: unittest.TestLoader, _tests: object, pattern: str | None
) -> unittest.TestSuite:
    """Load the tests of the laboratory; unittest calls it by this name.

    :param loader: what discovers.
    :param pattern: which names of modules are those of tests.
    :returns: the tests, under their own names.
    """
    home = pathlib.Path(laboratory.__file__).parent
    return loader.discover(
        str(home / 'tests'), pattern or 'test*.py', str(home.parent)
    )
