# SPDX-License-Identifier: Apache-2.0
"""Tests of the value that a state change is."""

import dataclasses

from ironic.common import states
from ironic.conductor.transitions import transition
from ironic.tests import base


class TransitionTestCase(base.TestCase):

    def _change(self, event, previous_state, state, **kwargs):
        return transition.Transition(
            event=event, previous_state=previous_state, previous_target=None,
            state=state, target=None, **kwargs)

    def _status(self, *args):
        return self._change(*args).status(states.UNSTABLE_STATES)

    def test_cannot_be_changed(self):
        change = self._change('deploy', states.AVAILABLE, states.DEPLOYING)
        self.assertRaises(dataclasses.FrozenInstanceError,
                          setattr, change, 'state', states.ACTIVE)

    def test_status_stable_to_unstable(self):
        self.assertEqual('start', self._status(
            'deploy', states.AVAILABLE, states.DEPLOYING))

    def test_status_unstable_to_stable(self):
        self.assertEqual('end', self._status(
            'done', states.DEPLOYING, states.ACTIVE))

    def test_status_stable_to_stable(self):
        self.assertEqual('success', self._status(
            'manage', states.AVAILABLE, states.MANAGEABLE))

    def test_status_unstable_to_unstable(self):
        self.assertEqual('success', self._status(
            'resume', states.DEPLOYWAIT, states.DEPLOYING))

    def test_status_and_level_of_a_failure(self):
        for event in ('fail', 'error'):
            change = self._change(event, states.DEPLOYING, states.DEPLOYFAIL)
            self.assertEqual('error', change.status(states.UNSTABLE_STATES))
            self.assertEqual('error', change.level)

    def test_level_of_anything_else(self):
        change = self._change('done', states.DEPLOYING, states.ACTIVE)
        self.assertEqual('info', change.level)

    def test_failed(self):
        for state in (states.DEPLOYFAIL, states.ERROR):
            change = self._change('fail', states.DEPLOYING, state)
            self.assertTrue(change.failed)
        change = self._change('done', states.DEPLOYING, states.ACTIVE)
        self.assertFalse(change.failed)

    def test_error_is_kept_unless_there_is_another(self):
        args = ('done', states.DEPLOYING, states.ACTIVE)
        self.assertFalse(self._change(*args).changes_error)
        self.assertTrue(self._change(*args, last_error='no').changes_error)
        self.assertTrue(self._change(*args, clears_error=True).changes_error)
