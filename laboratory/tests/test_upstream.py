# SPDX-License-Identifier: Apache-2.0
"""The judge of Ironic's own tests contradicts every kind of wrong run."""

import pathlib

from oslotest import base

from laboratory.upstream import expectations
from laboratory.upstream import testimony


class ParseTestCase(base.BaseTestCase):
    def test_a_line_is_a_test_and_its_reason(self):
        self.assertEqual(
            {'a.b': 'why # not', 'a.c': 'because'},
            expectations.parse(
                ['# comment', '', 'a.b  # why # not', 'a.c # because\n']
            ),
        )

    def test_a_test_without_a_reason_is_refused(self):
        error = self.assertRaises(
            expectations.BadList, expectations.parse, ['', 'a.b']
        )
        self.assertIn('line 2: a.b has no reason', str(error))

    def test_a_test_listed_twice_is_refused(self):
        error = self.assertRaises(
            expectations.BadList,
            expectations.parse,
            ['a.b # x', 'a.b # y'],
        )
        self.assertIn('line 2: a.b is listed twice', str(error))

    def test_a_missing_file_is_named(self):
        error = self.assertRaises(
            expectations.BadList,
            expectations.read,
            pathlib.Path('/nonexistent/expected.txt'),
        )
        self.assertIn('/nonexistent/expected.txt', str(error))

    def test_the_lists_of_the_project_can_be_read(self):
        lists = sorted(
            pathlib.Path(expectations.__file__).parent.glob('expected-*.txt')
        )
        self.assertTrue(lists)
        for path in lists:
            for test_id in expectations.read(path):
                self.assertTrue(test_id.startswith('ironic.tests.'), test_id)


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

    def test_an_unlisted_failure_is_bad(self):
        for status in ('fail', 'uxsuccess'):
            verdict = self.judge({'a': 'success', 'b': status})
            self.assertFalse(verdict.good)
            self.assertEqual({'b'}, verdict.unexpected)
            self.assertEqual(1, verdict.failed)

    def test_a_listed_test_that_passes_is_bad(self):
        verdict = self.judge({'a': 'success', 'b': 'success'}, {'b'})
        self.assertFalse(verdict.good)
        self.assertEqual({'b'}, verdict.stale)
        self.assertEqual({'a'}, verdict.passed)

    def test_a_listed_test_that_is_gone_is_bad(self):
        verdict = self.judge({'a': 'success'}, {'b'})
        self.assertFalse(verdict.good)
        self.assertEqual({'b'}, verdict.stale)

    def test_a_listed_test_that_is_skipped_is_bad(self):
        verdict = self.judge({'a': 'success', 'b': 'skip'}, {'b'})
        self.assertFalse(verdict.good)
        self.assertEqual({'b'}, verdict.stale)

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


class ObjectionsTestCase(base.BaseTestCase):
    def account(self, lists=False, at_start='active', at_end='active'):
        return testimony.Testimony(lists, (), at_start, at_end)

    def objections(self, *workers):
        return testimony.objections(
            [self.account(lists=True), *workers], 'active'
        )

    def test_an_active_plugin_everywhere_is_no_objection(self):
        self.assertEqual([], self.objections(self.account(), self.account()))

    def test_a_worker_without_the_plugin_is_an_objection(self):
        self.assertEqual(
            ['a worker had the plugin absent at its start, not active'],
            self.objections(self.account(), self.account(at_start='absent')),
        )

    def test_a_worker_that_lost_the_plugin_is_an_objection(self):
        self.assertEqual(
            ['a worker had the plugin absent at its end, not active'],
            self.objections(self.account(at_end='absent')),
        )

    def test_a_worker_that_died_is_an_objection(self):
        self.assertEqual(
            ['a worker died before its end'],
            self.objections(self.account(at_end=None)),
        )

    def test_no_worker_is_an_objection(self):
        self.assertEqual(['no process ran the tests'], self.objections())

    def test_no_process_at_all_is_an_objection(self):
        self.assertEqual(
            ['no process listed the tests', 'no process ran the tests'],
            testimony.objections([], 'active'),
        )
