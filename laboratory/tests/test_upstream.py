# SPDX-License-Identifier: Apache-2.0
"""The judge of Ironic's own tests contradicts every kind of wrong run."""

import ddt
from oslotest import base

from laboratory.upstream import expectations
from laboratory.upstream import testimony


@ddt.ddt
class JudgeTestCase(base.BaseTestCase):
    def judge(self, results, expected=(), loaded=None):
        return expectations.judge(
            results, results if loaded is None else loaded, expected
        )

    def test_passes_and_listed_failures_are_good(self):
        verdict = self.judge({'a': 'success', 'b': 'fail'}, {'b'})
        self.assertTrue(verdict.good)
        self.assertEqual(0, verdict.failed)
        self.assertEqual({'a'}, verdict.passed)
        self.assertEqual({'b'}, verdict.expected)

    @ddt.unpack
    @ddt.data(
        ({'b': 'fail'}, set(), 'unexpected'),
        ({'b': 'uxsuccess'}, set(), 'unexpected'),
        # Listed, but it passes, is gone or is skipped.
        ({'b': 'success'}, {'b'}, 'stale'),
        ({}, {'b'}, 'stale'),
        ({'b': 'skip'}, {'b'}, 'stale'),
    )
    def test_what_contradicts_the_list_is_bad(self, results, listed, name):
        verdict = self.judge({'a': 'success', **results}, listed)
        self.assertFalse(verdict.good)
        self.assertEqual({'b'}, getattr(verdict, name))
        self.assertEqual(1, verdict.failed)
        self.assertEqual({'a'}, verdict.passed)

    def test_a_loaded_test_without_a_result_is_bad(self):
        for results in (
            {'a': 'success'},
            {'a': 'success', 'b': 'inprogress'},
            {'a': 'success', 'b': 'exists'},
        ):
            for expected in (set(), {'b'}):
                verdict = self.judge(results, expected, loaded={'a', 'b'})
                self.assertFalse(verdict.good)
                self.assertEqual({'b'}, verdict.unfinished)
                self.assertEqual(1, verdict.failed)

    def test_no_test_at_all_is_bad(self):
        self.assertFalse(self.judge({}).good)

    def test_skipped_tests_alone_are_bad(self):
        self.assertFalse(self.judge({'a': 'skip'}).good)


@ddt.ddt
class ObjectionsTestCase(base.BaseTestCase):
    def account(self, lists=False, at_start='active', at_end='active'):
        return testimony.Testimony(lists, (), at_start, at_end)

    def objections(self, *workers):
        return testimony.objections(
            [self.account(lists=True), *workers], 'active'
        )

    def test_an_active_plugin_everywhere_is_no_objection(self):
        self.assertEqual([], self.objections(self.account(), self.account()))

    @ddt.unpack
    @ddt.data(
        ({'at_start': 'absent'}, 'had the plugin absent at its start, not'),
        ({'at_end': 'absent'}, 'had the plugin absent at its end, not'),
        ({'at_end': None}, 'died before its end'),
    )
    def test_a_worker_that_was_not_active_is_an_objection(self, seen, why):
        (line,) = self.objections(self.account(), self.account(**seen))
        self.assertEqual(f'a worker {why}', line.removesuffix(' active'))

    def test_no_process_at_all_is_an_objection(self):
        self.assertEqual(
            ['no process listed the tests', 'no process ran the tests'],
            testimony.objections([], 'active'),
        )
