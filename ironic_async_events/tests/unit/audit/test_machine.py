# SPDX-License-Identifier: Apache-2.0
"""The table of the machine against the machine itself."""

import importlib
import itertools

from oslotest import base

from ironic_async_events.audit import machine
from ironic_async_events.audit import table
from ironic_async_events.audit.machine import Verdict
from ironic_async_events.tests.samples import recordings


def ironics():
    """Ironic's own names and machine, wherever this release keeps it."""
    states = importlib.import_module('ironic.common.states')
    try:
        module = importlib.import_module('ironic.common.state_machine')
    except ImportError:
        module = states
    return states, module.machine


class IronicTest(base.BaseTestCase):
    """The table is a union of releases: it holds all that this one has."""

    def setUp(self):
        super().setUp()
        self.states, self.machine = ironics()

    def test_every_step_of_ironic_is_legal(self):
        steps = list(self.machine)
        self.assertGreater(len(steps), 80)
        for previous, event, state in steps:
            self.assertIs(
                Verdict.LEGAL,
                machine.judge(previous, event, state),
                (previous, event, state),
            )

    def test_every_other_step_is_illegal(self):
        steps = set(self.machine)
        events = {event for _previous, event, _state in steps}
        every = itertools.product(
            self.machine.states, events, self.machine.states
        )
        for step in every:
            if step not in steps and step not in table.STEPS:
                self.assertIs(Verdict.ILLEGAL, machine.judge(*step), step)

    def test_the_table_has_no_step_that_no_release_has(self):
        metadata = importlib.import_module('importlib.metadata')
        if metadata.version('ironic') != table.RELEASES[-1]:
            self.skipTest('only the newest release has all of the table')
        self.assertEqual(sorted(self.machine), list(table.STEPS))

    def test_unstable_states_are_ironics(self):
        self.assertEqual(
            set(self.states.UNSTABLE_STATES),
            {one for one in self.machine.states if machine.is_unstable(one)},
        )

    def test_targets_are_ironics(self):
        for state in self.machine.states:
            self.assertIn(
                self.machine._states[state]['target'],
                [recordings.TARGETS.get(state)],
            )


class JudgeTest(base.BaseTestCase):
    def test_a_known_step_to_an_unknown_state_is_illegal(self):
        self.assertIs(
            Verdict.ILLEGAL, machine.judge('deploying', 'done', 'new state')
        )

    def test_what_is_new_is_not_judged(self):
        for step in (
            ('active', 'new event', 'deploying'),
            ('new state', 'done', 'active'),
            ('active', 'done', 'new state'),
            (None, 'done', 'active'),
            ('active', None, 'active'),
        ):
            self.assertIs(Verdict.UNKNOWN, machine.judge(*step), step)

    def test_an_unknown_state_is_unstable_by_its_status(self):
        self.assertTrue(machine.is_unstable('new state', 'start'))
        self.assertFalse(machine.is_unstable('new state', 'end'))
        self.assertFalse(machine.is_unstable('active', 'start'))


class DistanceTest(base.BaseTestCase):
    def test_counts_the_fewest_steps(self):
        self.assertEqual(0, machine.distance('active', 'active'))
        self.assertEqual(1, machine.distance('active', 'deploying'))
        self.assertEqual(2, machine.distance('manageable', 'active'))
        self.assertEqual(2, machine.distance('enroll', 'manageable'))

    def test_is_none_where_no_way_leads(self):
        self.assertIsNone(machine.distance('active', 'enroll'))
        self.assertIsNone(machine.distance('new state', 'active'))


class StatusTest(base.BaseTestCase):
    def test_is_what_ironic_announces(self):
        for expected, step in (
            ('start', ('manageable', 'inspect', 'inspecting')),
            ('success', ('inspecting', 'wait', 'inspect wait')),
            ('end', ('inspect wait', 'done', 'manageable')),
            ('error', ('inspecting', 'fail', 'inspect failed')),
            ('success', ('available', 'manage', 'manageable')),
        ):
            self.assertEqual(expected, recordings.status_of(*step), step)
