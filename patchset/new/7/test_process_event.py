# SPDX-License-Identifier: Apache-2.0
"""Tests of events that are processed at once."""

from ironic.common import exception
from ironic.common import states
from ironic.tests.unit.conductor.transitions import base


class ProcessEventTestCase(base.TaskTestCase):

    def _set(self, state, target=states.NOSTATE):
        self.node.provision_state = state
        self.node.target_provision_state = target
        self.node.save()

    def _node(self):
        node = self.stored()
        return node.provision_state, node.target_provision_state

    def test_refused_event_leaves_everything_as_it_was(self):
        with self.task() as task:
            fsm = task.fsm
            for event, target in (('fail', None),
                                  ('nonsense', None),
                                  ('deploy', 'nonsense'),
                                  ('deploy', states.DEPLOYING)):
                self.assertRaises(exception.InvalidState, task.process_event,
                                  event, target_state=target)
                self.assertRaises(exception.InvalidState, task.spawn_after,
                                  self.executor.submit, len, task,
                                  event=event, target_state=target)
            self.assertIs(fsm, task.fsm)
            self.assertEqual(states.AVAILABLE, fsm.current_state)
            self.assertEqual(set(), task.node.obj_what_changed())
        self.assertFalse(self.emit.called)
        self.assertEqual((states.AVAILABLE, states.NOSTATE), self._node())

    def test_node_at_rest_has_no_target(self):
        self._set(states.DEPLOYING, states.ACTIVE)
        with self.task() as task:
            task.process_event('done')
        self.assertEqual((states.ACTIVE, states.NOSTATE), self._node())
        self.assertEqual(['end done: deploying -> active'], self.lines)

    def test_node_at_work_keeps_its_target(self):
        self._set(states.DEPLOYING, states.ACTIVE)
        with self.task() as task:
            task.process_event('wait')
        self.assertEqual((states.DEPLOYWAIT, states.ACTIVE), self._node())

    def test_target_of_the_call_is_taken(self):
        self._set(states.CLEANWAIT, states.MANAGEABLE)
        with self.task() as task:
            task.process_event('resume', target_state=states.MANAGEABLE)
        self.assertEqual((states.CLEANING, states.MANAGEABLE), self._node())

    def test_error_stays_unless_there_is_another(self):
        self._set(states.DEPLOYING, states.ACTIVE)
        with self.task() as task:
            task.process_event('wait')
            self.assertEqual('an old error', self.stored().last_error)
            task.process_event('fail', last_error='a new error')
        self.assertEqual('a new error', self.stored().last_error)

    def test_spawned_event_clears_the_error(self):
        with self.task() as task:
            task.spawn_after(self.executor.submit, lambda task: None, task,
                             event='deploy')
        self.executor.shutdown()
        self.assertIsNone(self.stored().last_error)
        self.assertEqual((states.DEPLOYING, states.ACTIVE), self._node())

    def test_two_events_of_one_spawn(self):
        self._set(states.CLEANWAIT, states.AVAILABLE)
        with self.task() as task:
            task.stage('fail')
            task.spawn_after(self.executor.submit, lambda task: None, task,
                             event='manage')
            self.assertEqual([], self.lines)
        self.executor.shutdown()
        self.assertEqual(['error fail: clean wait -> clean failed'],
                         self.lines[:1])
        self.assertEqual(2, len(self.lines))
