# SPDX-License-Identifier: Apache-2.0
"""What compares two runs of tempest, and what reads their results."""

import io

from oslotest import base
import subunit

from ironic_async_events.audit import summary
from laboratory import truth
from laboratory.tempest_run import comparison
from laboratory.tempest_run import side
from laboratory.tempest_run import suite


class TestComparison(base.BaseTestCase):
    def _compare(self, stock, plugin):
        return comparison.Comparison(stock, plugin)

    def test_the_same_results_are_acceptable(self):
        both = {'a': 'success', 'b': 'skip', 'c': 'fail'}
        compared = self._compare(both, both)
        self.assertEqual([], compared.worse)
        self.assertEqual([], compared.better)
        self.assertTrue(compared.acceptable)

    def test_a_failure_that_stock_has_not_is_worse(self):
        compared = self._compare(
            {'a': 'success', 'b': 'success'}, {'a': 'success', 'b': 'fail'}
        )
        self.assertEqual(['b'], compared.worse)
        self.assertFalse(compared.acceptable)

    def test_a_failure_that_the_plugin_has_not_is_better(self):
        compared = self._compare(
            {'a': 'success', 'b': 'fail'}, {'a': 'success', 'b': 'success'}
        )
        self.assertEqual(['b'], compared.better)
        self.assertTrue(compared.acceptable)

    def test_what_passed_and_is_skipped_then_is_worse(self):
        compared = self._compare({'a': 'success'}, {'a': 'skip'})
        self.assertEqual(['a'], compared.worse)

    def test_what_is_gone_is_worse(self):
        compared = self._compare(
            {'a': 'success', 'b': 'skip'}, {'a': 'success'}
        )
        self.assertEqual(['b'], compared.worse)

    def test_what_did_not_end_is_worse_than_a_skip(self):
        compared = self._compare({'a': 'skip'}, {'a': 'inprogress'})
        self.assertEqual(['a'], compared.worse)

    def test_two_runs_without_a_test_are_not_acceptable(self):
        self.assertFalse(self._compare({}, {}).acceptable)

    def test_every_status_is_counted(self):
        compared = self._compare(
            {'a': 'success', 'b': 'success'}, {'a': 'success', 'b': 'fail'}
        )
        self.assertEqual(
            [('fail', 0, 1), ('skip', 0, 0), ('success', 2, 1)],
            compared.rows(),
        )


class TestFindings(base.BaseTestCase):
    def test_an_audit_that_checked_nothing_is_not_clean(self):
        result = side.Result({}, summary.Audit(), truth.Account(), 1.0)
        self.assertEqual(1, result.findings)


class TestRead(base.BaseTestCase):
    def _stream(self, *statuses):
        stream = io.BytesIO()
        result = subunit.StreamResultToBytes(stream)
        result.startTestRun()
        for test, status in statuses:
            result.status(test_id=test, test_status=status)
        result.stopTestRun()
        return suite.read(stream.getvalue())

    def test_each_test_has_its_status(self):
        self.assertEqual(
            {'a': 'success', 'b': 'fail', 'c': 'skip'},
            self._stream(
                ('a', 'inprogress'),
                ('a', 'success'),
                ('b', 'inprogress'),
                ('b', 'fail'),
                ('c', 'skip'),
            ),
        )

    def test_a_test_without_an_end_is_not_passed(self):
        statuses = self._stream(('a', 'inprogress'))
        self.assertEqual({'a': comparison.UNFINISHED}, statuses)

    def test_a_listed_test_was_not_run(self):
        self.assertEqual({}, self._stream(('a', 'exists')))

    def test_no_stream_is_no_result(self):
        self.assertEqual({}, suite.read(b''))
