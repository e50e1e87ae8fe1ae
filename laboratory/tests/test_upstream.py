# SPDX-License-Identifier: Apache-2.0
"""The judge of Ironic's own tests contradicts every kind of wrong run."""

import ddt
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
