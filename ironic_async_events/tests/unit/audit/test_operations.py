# SPDX-License-Identifier: Apache-2.0
"""Durations of operations, from hand-made lives."""

from oslotest import base

from ironic_async_events.audit import operations
from ironic_async_events.tests.samples import recordings


class OperationsTest(base.BaseTestCase):
    def durations(self, *steps, gap=10.0):
        """Take the steps of a node, some seconds apart.

        :returns: event and outcome -> number and sum of the durations.
        """
        taken = operations.Durations()
        found = {}
        for number, seen in enumerate(recordings.observations(steps)):
            ended = taken.take(seen, number * gap)
            if ended is not None:
                *key, seconds = ended
                count, total = found.get(tuple(key), (0, 0.0))
                found[tuple(key)] = (count + 1, total + seconds)
        return found

    def test_an_operation_includes_its_waits_and_its_hold(self):
        self.assertEqual(
            {('clean', 'done'): (1, 60.0)},
            self.durations(
                ('clean', 'manageable', 'cleaning'),
                ('wait', 'cleaning', 'clean wait'),
                ('hold', 'clean wait', 'clean hold'),
                ('unhold', 'clean hold', 'clean wait'),
                ('resume', 'clean wait', 'cleaning'),
                ('wait', 'cleaning', 'clean wait'),
                ('manage', 'clean wait', 'manageable'),
            ),
        )

    def test_a_tear_down_and_its_cleaning_are_a_delete(self):
        self.assertEqual(
            {('delete', 'done'): (1, 20.0)},
            self.durations(
                ('delete', 'active', 'deleting'),
                ('clean', 'deleting', 'cleaning'),
                ('done', 'cleaning', 'available'),
            ),
        )

    def test_a_failure_and_an_abort_are_outcomes(self):
        self.assertEqual(
            {
                ('inspect', 'failed'): (1, 10.0),
                ('inspect', 'aborted'): (1, 20.0),
            },
            self.durations(
                ('inspect', 'manageable', 'inspecting'),
                ('fail', 'inspecting', 'inspect failed'),
                ('inspect', 'inspect failed', 'inspecting'),
                ('wait', 'inspecting', 'inspect wait'),
                ('abort', 'inspect wait', 'inspect failed'),
            ),
        )

    def test_a_delete_aborts_the_deployment_that_it_interrupts(self):
        self.assertEqual(
            {
                ('deploy', 'aborted'): (1, 20.0),
                ('delete', 'failed'): (1, 10.0),
            },
            self.durations(
                ('deploy', 'available', 'deploying'),
                ('wait', 'deploying', 'wait call-back'),
                ('delete', 'wait call-back', 'deleting'),
                ('fail', 'deleting', 'error'),
            ),
        )

    def test_without_its_start_or_its_end_nothing_is_counted(self):
        self.assertEqual(
            {('inspect', 'done'): (1, 10.0)},
            self.durations(
                # This start was lost,
                ('done', 'inspecting', 'manageable'),
                ('inspect', 'manageable', 'inspecting'),
                # as was the end here,
                ('inspect', 'manageable', 'inspecting'),
                ('done', 'inspecting', 'manageable'),
                # and the start again.
                ('done', 'inspecting', 'manageable'),
            ),
        )

    def test_a_step_at_rest_is_no_operation(self):
        self.assertEqual(
            {}, self.durations(('manage', 'available', 'manageable'))
        )

    def test_a_clock_that_steps_back_makes_no_negative_duration(self):
        self.assertEqual(
            {('inspect', 'done'): (1, 0.0)},
            self.durations(
                ('inspect', 'manageable', 'inspecting'),
                ('done', 'inspecting', 'manageable'),
                gap=-1.0,
            ),
        )
