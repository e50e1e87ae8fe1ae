# SPDX-License-Identifier: Apache-2.0
"""What compares two runs of tempest."""

import contextlib
import io

import ddt
from oslotest import base

from ironic_async_events.audit import summary
from laboratory import truth
from laboratory.tempest_run import __main__ as command
from laboratory.tempest_run import side
from laboratory.tempest_run import suite


@ddt.ddt
class TestComparison(base.BaseTestCase):
    @ddt.unpack
    @ddt.data(
        # On stock, with the plugin: what is worse, what is better.
        ({'b': 'skip', 'c': 'fail'}, {'b': 'skip', 'c': 'fail'}, [], []),
        ({'b': 'success'}, {'b': 'fail'}, ['b'], []),
        ({'b': 'fail'}, {'b': 'success'}, [], ['b']),
        # What was not run, or is gone, shows nothing.
        ({'b': 'success'}, {'b': 'skip'}, ['b'], []),
        ({'b': 'skip'}, {}, ['b'], []),
        ({'b': 'skip'}, {'b': 'inprogress'}, ['b'], []),
    )
    def test_what_is_worse_is_not_acceptable(
        self, stock, plugin, worse, better
    ):
        both = {'a': 'success'}
        sides = both | stock, both | plugin
        self.assertEqual(worse, suite.worse(*sides))
        self.assertEqual(better, suite.worse(*reversed(sides)))
        self.assertEqual(not worse, suite.acceptable(*sides))

    def test_two_runs_without_a_test_are_not_acceptable(self):
        self.assertFalse(suite.acceptable({}, {}))


@ddt.ddt
class TestFindings(base.BaseTestCase):
    @ddt.data(('stock', 0), ('plugin', 1), ('patched', 1))
    @ddt.unpack
    def test_an_audit_that_checked_nothing_counts_but_on_stock(
        self, name, code
    ):
        result = side.Result(
            {'a': 'success'}, summary.Audit(), truth.Account(), 1.0
        )
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(code, command._judge({name: result}))
