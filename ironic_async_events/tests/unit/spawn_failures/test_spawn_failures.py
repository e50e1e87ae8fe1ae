# SPDX-License-Identifier: Apache-2.0
"""A request that could not start never happened.

The whole table, for each cause.
"""

from importlib import metadata
from typing import Any
import unittest

from ironic.common import states
from oslotest import base as test_base

from ironic_async_events import patching
from ironic_async_events.patching import patched
from ironic_async_events.tests.unit import fixtures
from ironic_async_events.tests.unit.spawn_failures import base
from ironic_async_events.tests.unit.spawn_failures import cases
from ironic_async_events.tests.unit.spawn_failures import causes
from ironic_async_events.tests.unit.spawn_failures import runner


class PluginTestCase(test_base.BaseTestCase):
    """With the plugin, the node is as before in every case."""

    mechanism: type[fixtures.Plugin | fixtures.TaskManager] = (
        fixtures.TaskManager
    )

    def _test(self, cause: causes.Cause) -> None:
        self.useFixture(self.mechanism())
        report = runner.run(cause)
        faults = report.faults()
        judged = len(report.outcomes) + len(report.broken)
        print(f'{cause.name}: {judged - len(faults)} of {judged} as before')
        self.assertEqual([], faults)
        if metadata.version('ironic') == '39.0.0':
            # The table is that of this release: nothing may be left out.
            expected = [
                case.name
                for case in cases.CASES
                if case.staged or not cause.only_staged
            ]
            self.assertEqual(expected, [seen.name for seen in report.outcomes])

    def test_no_free_worker(self) -> None:
        self._test(causes.NoFreeWorker())

    def test_thread_cannot_be_started(self) -> None:
        self._test(causes.CannotStartThread())

    def test_executor_rejects_the_work(self) -> None:
        self._test(causes.Rejected())

    def test_future_is_cancelled_before_it_ran(self) -> None:
        self._test(causes.Cancelled())

    def test_database_fails_while_the_worker_saves_the_state(self) -> None:
        self._test(causes.DatabaseGone())


@unittest.skipUnless(patched.is_patched(), 'this Ironic is not patched')
class BesideTestCase(PluginTestCase):
    """It is with the repairs of the plugin on a patched Ironic as well."""

    mechanism = fixtures.Plugin


@unittest.skipIf(patched.is_patched(), 'this Ironic is not stock')
class StockTestCase(test_base.BaseTestCase):
    """Without the plugin the table finds what is wrong with stock Ironic."""

    def _test(self, cause: causes.Cause) -> None:
        self.assertEqual((), patching.state().patched)
        report = runner.run(cause)
        self.assertEqual([], report.broken)
        figures = tuple(report.fates().values())
        expected = runner.stock_figures(cause)
        if expected is None:
            # Not counted by hand for this release; but there are some.
            self.assertNotEqual([], report.faults(judge_error=False))
        else:
            self.assertEqual(expected, figures)

    def test_no_free_worker(self) -> None:
        self._test(causes.NoFreeWorker())

    def test_thread_cannot_be_started(self) -> None:
        self._test(causes.CannotStartThread())


class PassTestCase(base.Bench):
    """A periodic pass that ends early loses none of its nodes."""

    def setUp(self) -> None:
        """Install the plugin."""
        super().setUp()
        self.useFixture(fixtures.TaskManager())

    def _time_out(self) -> None:
        self.service._check_deploy_timeouts(self.context)

    def test_next_pass_finds_all_nodes(self) -> None:
        case = next(
            case
            for case in cases.CASES
            if case.method == '_check_deploy_timeouts'
        )
        fields = case.fields()
        nodes = [
            self.create_node(**{**fields, 'instance_uuid': None})
            for _ in range(3)
        ]
        before = [self._judged(node.uuid) for node in nodes]

        def refuse(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("can't start new thread")

        self.take_work_by(refuse)
        self._time_out()
        self.assertEqual(before, [self._judged(node.uuid) for node in nodes])
        worker = self.useFixture(causes.Worker())
        self.take_work_by(worker.spawn)
        self._time_out()
        worker.drain()
        self.assertEqual(
            [states.DEPLOYFAIL] * 3,
            [self.read(node.uuid)['provision_state'] for node in nodes],
        )

    def _judged(self, uuid: str) -> dict[str, Any]:
        fields = self.read(uuid)
        del fields['last_error'], fields['updated_at']
        return fields


@unittest.skipIf(patched.is_patched(), 'the series saves it all the same')
class HalfWayTestCase(test_base.BaseTestCase):
    """What has been announced is not taken back."""

    def test_second_of_two_saves_fails(self) -> None:
        self.useFixture(fixtures.TaskManager())
        table = [
            case
            for case in cases.CASES
            if case.operation == 'abort'
            and case.state in ('service wait', 'service hold')
        ]
        report = runner.run(causes.DatabaseGone(saves=1), table)
        self.assertEqual([], report.broken)
        if len(report.skipped) == len(table):
            # Before 32.1.0: see the reasons of the cases.
            self.skipTest('; '.join(report.skipped))
        self.assertEqual(
            [
                (
                    'service failed',
                    None,
                    (
                        'baremetal.node.provision_set.error '
                        f'(fail: {case.state} -> service failed)',
                    ),
                )
                for case in table
            ],
            [
                (
                    seen.after['provision_state'],
                    seen.after['reservation'],
                    seen.notifications,
                )
                for seen in report.outcomes
            ],
        )
