# SPDX-License-Identifier: Apache-2.0
"""The judge of Ironic's own tests contradicts every kind of wrong run."""

import atexit
import pathlib
import sys
from unittest import mock

import ddt
import fixtures
from oslotest import base

from laboratory.upstream import expectations
from laboratory.upstream import testimony


@ddt.ddt
class ContradictionsTestCase(base.BaseTestCase):
    @ddt.unpack
    @ddt.data(
        # A listed failure is good.
        ({'b': 'fail'}, {'b'}, ''),
        ({'b': 'xfail'}, set(), ''),
        ({'b': 'fail'}, set(), 'failed, not listed'),
        ({'b': 'uxsuccess'}, set(), 'failed, not listed'),
        # Listed, but it passes, is gone or is skipped.
        ({'b': 'success'}, {'b'}, 'listed, but did not fail'),
        ({}, {'b'}, 'listed, but did not fail'),
        ({'b': 'skip'}, {'b'}, 'listed, but did not fail'),
        ({'b': 'inprogress'}, {'b'}, 'never ended'),
        ({'b': 'exists'}, set(), 'never ended'),
    )
    def test_what_contradicts_the_list_is_named(self, results, known, what):
        results = {'a': 'success', **results}
        found = expectations.contradictions(results, {*results}, known)
        expected = {what: {'b'}} if what else {}
        self.assertEqual(expected, {k: v for k, v in found.items() if v})

    def test_a_loaded_test_without_a_result_never_ended(self):
        found = expectations.contradictions({'a': 'success'}, {*'ab'}, set())
        self.assertEqual({'b'}, found['never ended'])

    def test_skipped_tests_alone_show_nothing(self):
        found = expectations.contradictions({'a': 'skip'}, {'a'}, set())
        self.assertEqual({'a'}, found['skipped, as all others'])


class TestimonyTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        home = self.useFixture(fixtures.TempDir()).path
        self.home = pathlib.Path(home)
        for name, value in (
            (testimony.DIRECTORY, home),
            (testimony.PLUGIN, 'active'),
        ):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        self.state = self.useFixture(
            fixtures.MockPatchObject(testimony, 'plugin_state', autospec=True)
        ).mock

    def test_a_test_that_is_loaded_without_the_plugin_is_an_error(self):
        self.state.return_value = 'absent'
        self.assertRaisesRegex(
            RuntimeError, 'is absent, not active', testimony.testify, ['a']
        )
        said = ['no test was loaded']
        self.assertEqual((set(), said), testimony.hear(self.home))

    def test_a_plugin_that_is_gone_at_the_end_is_a_complaint(self):
        self.state.side_effect = ['active', 'bypassed']
        with (
            mock.patch.object(atexit, 'register', autospec=True) as register,
            mock.patch.object(sys, 'argv', ['--list']),
        ):
            testimony.testify(['a', 'b'])
        register.call_args.args[0]()
        said = ['the plugin is bypassed at the end, not active']
        self.assertEqual(({'a', 'b'}, said), testimony.hear(self.home))
