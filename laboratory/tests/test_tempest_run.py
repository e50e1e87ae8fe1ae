# SPDX-License-Identifier: Apache-2.0
"""What compares two runs of tempest, and what reads their results."""

import contextlib
import io
import pathlib
from unittest import mock

import ddt
import fixtures
from oslotest import base
import subunit

from ironic_async_events.audit import summary
from laboratory import results
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

    def test_every_status_is_counted(self):
        self.assertEqual(
            [('fail', 0, 1), ('skip', 0, 0), ('success', 2, 1)],
            suite.rows(
                {'a': 'success', 'b': 'success'}, {'a': 'success', 'b': 'fail'}
            ),
        )


class TestFindings(base.BaseTestCase):
    def test_an_audit_that_checked_nothing_is_not_clean(self):
        result = side.Result({}, summary.Audit(), truth.Account(), 1.0)
        self.assertEqual(1, result.findings)


@ddt.ddt
class TestSides(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        temporary = self.useFixture(fixtures.TempDir())
        self.tree = pathlib.Path(temporary.path).resolve()
        conductor = self.tree / 'ironic' / 'conductor'
        conductor.mkdir(parents=True)
        (conductor / 'task_manager.py').write_text('def post_process_event(')
        for owner, name in ((suite, 'environment'), (side, 'run')):
            patcher = mock.patch.object(owner, name, autospec=True)
            patcher.start()
            self.addCleanup(patcher.stop)

    def _main(self, *arguments, checked=1):
        """Return the exit code, and plugin and tree of each side."""
        audited = summary.Audit()
        audited.messages = checked
        side.run.return_value = side.Result(
            {'a': 'success'}, audited, truth.Account(), 1.0
        )
        with contextlib.redirect_stdout(io.StringIO()):
            code = command.main(arguments)
        return code, [
            (call.args[0], call.args[-1]) for call in side.run.mock_calls
        ]

    def test_stock_is_compared_with_the_plugin(self):
        self.assertEqual((0, [(False, None), (True, None)]), self._main())

    def test_a_tree_takes_the_place_of_the_plugin(self):
        self.assertEqual(
            (0, [(False, None), (False, self.tree)]),
            self._main('--tree', str(self.tree)),
        )

    @ddt.data(('stock', 0), ('plugin', 1), ('patched', 1))
    @ddt.unpack
    def test_findings_count_everywhere_but_on_stock(self, name, code):
        tree = ['--tree', str(self.tree)] if name == 'patched' else []
        result = self._main('--side', name, *tree, checked=0)
        self.assertEqual(code, result[0])

    @ddt.data('stock', 'plugin', 'patched')
    def test_a_tree_and_the_side_patched_belong_together(self, name):
        tree = [] if name == 'patched' else ['--tree', str(self.tree)]
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertRaises(SystemExit, self._main, '--side', name, *tree)
        self.assertIn('--tree belongs to', said.getvalue())

    def test_a_tree_without_the_series_is_refused(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertRaises(SystemExit, self._main, '--tree', '/')
        self.assertIn('/ is no patched Ironic', said.getvalue())


class TestRead(base.BaseTestCase):
    def _stream(self, *statuses):
        stream = io.BytesIO()
        result = subunit.StreamResultToBytes(stream)
        result.startTestRun()
        for test, status in statuses:
            result.status(test_id=test, test_status=status)
        result.stopTestRun()
        found = results.read(stream.getvalue())
        return {test: one['status'] for test, one in found.items()}

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
        self.assertEqual({'a': 'inprogress'}, statuses)

    def test_a_listed_test_was_not_run(self):
        self.assertEqual({}, self._stream(('a', 'exists')))

    def test_no_stream_is_no_result(self):
        self.assertEqual({}, results.read(b''))
