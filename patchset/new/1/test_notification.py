# SPDX-License-Identifier: Apache-2.0
"""Tests that every change of a state is announced, with what it was."""

from unittest import mock

import futurist
from futurist import waiters

from ironic.common import exception
from ironic.common import states
from ironic.conductor import notification_utils
from ironic.conductor import task_manager
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils


@mock.patch.object(notification_utils, 'emit_provision_set_notification',
                   autospec=True)
class NotificationTestCase(db_base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.node = obj_utils.create_test_node(
            self.context, driver='fake-hardware',
            provision_state=states.AVAILABLE)
        self.executor = futurist.ThreadPoolExecutor(max_workers=1)
        self.addCleanup(self.executor.shutdown)

    def _deploy(self, spawn):
        with task_manager.TaskManager(self.context, self.node.uuid,
                                      load_driver=False) as task:
            task.process_event('deploy', callback=spawn,
                               call_args=(self._work, task))

    def _work(self, task):
        task.process_event('done')

    def _spawn_and_wait(self, *args):
        """Come back when the worker has ended."""
        future = self.executor.submit(*args)
        waiters.wait_for_all([future], timeout=30)
        return future

    def _seen(self, emit_mock):
        return [(args[2], args[5], args[3])
                for args, _ in emit_mock.call_args_list]

    def test_worker_ends_before_the_start_is_announced(self, emit_mock):
        states_seen = []
        emit_mock.side_effect = lambda task, *a: states_seen.append(
            task.node.provision_state)
        self._deploy(self._spawn_and_wait)
        self.assertEqual(
            {('start', 'deploy', states.AVAILABLE),
             ('end', 'done', states.DEPLOYING)},
            set(self._seen(emit_mock)))
        self.assertEqual(2, emit_mock.call_count)
        # Each of them shows the node as it was then.
        self.assertEqual({states.DEPLOYING, states.ACTIVE}, set(states_seen))

    def test_start_is_announced_before_the_worker_runs(self, emit_mock):
        self._deploy(lambda *args: self._later.append(args) or self._future)
        self.assertEqual([('start', 'deploy', states.AVAILABLE)],
                         self._seen(emit_mock))
        (function, task), = self._later
        function(task)
        self.assertEqual(('end', 'done', states.DEPLOYING),
                         self._seen(emit_mock)[-1])

    _future = mock.Mock(spec=['add_done_callback', 'cancel'])

    @property
    def _later(self):
        return self.__dict__.setdefault('_spawned', [])

    def test_no_worker_no_notification(self, emit_mock):
        def spawn(*args):
            raise exception.NoFreeConductorWorker()

        self.assertRaises(exception.NoFreeConductorWorker,
                          self._deploy, spawn)
        self.assertFalse(emit_mock.called)
