# SPDX-License-Identifier: Apache-2.0
"""Tests of both orders of RPC thread and worker.

Ironic gets them in commit 4, and the plugin passes them as well.
"""

import threading
from unittest import mock

import futurist
from futurist import waiters
from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import notification_utils
from ironic.conductor import task_manager
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
from oslo_db import exception as db_exception


class SpawnWithEventTestCase(db_base.DbTestCase):
    """Both orders of the thread that spawns and the thread that works.

    What happens is noted in the order in which it does, and is compared as
    a whole.
    """

    START = 'start deploy: available -> deploying'
    DONE = 'end done: deploying -> active'
    FAIL = 'error fail: deploying -> deploy failed'

    def setUp(self):
        super().setUp()
        self.lines = []
        self.node = obj_utils.create_test_node(
            self.context,
            driver='fake-hardware',
            provision_state=states.AVAILABLE,
            target_provision_state=states.NOSTATE,
            last_error='an old error',
        )
        self.gate = threading.Event()
        self.executor = futurist.ThreadPoolExecutor(max_workers=1)
        self.addCleanup(self.executor.shutdown)
        self.addCleanup(self.gate.set)
        patcher = mock.patch.object(
            notification_utils,
            'emit_provision_set_notification',
            autospec=True,
            side_effect=self._emit,
        )
        self.emit = patcher.start()
        self.addCleanup(patcher.stop)

    def _emit(self, task, level, status, prev_state, prev_target, event):
        self.lines.append(
            f'{status} {event}: {prev_state} -> {task.node.provision_state}'
        )

    def _task(self):
        return task_manager.acquire(
            self.context, self.node.uuid, load_driver=False
        )

    def _start(self, task, spawn, event='deploy', work=None, **kwargs):
        work = work or self._succeed
        task.spawn_after(spawn, work, task, event=event, **kwargs)

    def _deploy(self, work=None, spawn=None, **kwargs):
        """Accept a request to deploy, as an RPC method does."""
        spawn = spawn or self.executor.submit
        with self._task() as task:
            self._start(task, spawn, work=work, **kwargs)
            self.lines.append('accepted')
        self.lines.append('answered')

    def _succeed(self, task):
        self.lines.append('work')
        task.process_event('done')

    def _fail(self, task):
        self.lines.append('work')
        task.process_event('fail')
        raise RuntimeError('the work went wrong')

    def _wait_at_gate(self, task):
        self.assertTrue(self.gate.wait(30))
        self._succeed(task)

    def _spawn_and_finish(self, func, *args):
        """Return to the thread that spawns when the worker has ended."""
        future = self.executor.submit(func, *args)
        waiters.wait_for_all([future], timeout=30)
        return future

    def _finish(self):
        self.gate.set()
        self.executor.shutdown()

    def _assert_states(self, *expected):
        node = objects.Node.get_by_uuid(self.context, self.node.uuid)
        self.assertEqual(
            expected, (node.provision_state, node.target_provision_state)
        )
        return node

    def _assert_refused(self, error, *args, **kwargs):
        """Assert that nothing has changed, except that the reason is told."""
        self.error = self.assertRaises(error, self._deploy, *args, **kwargs)
        self.gate.set()
        self.assertEqual(['accepted'], self.lines)
        self.assertFalse(self.emit.called)
        node = self._assert_states(states.AVAILABLE, states.NOSTATE)
        self.assertIsNone(node.reservation)
        self.assertNotIn(node.last_error, (None, 'an old error'))
        history = objects.NodeHistory.list_by_node_id(self.context, node.id)
        self.assertEqual([node.last_error], [h.event for h in history])
        return node

    def test_worker_ends_first(self):
        self._deploy(spawn=self._spawn_and_finish)
        self.assertEqual(
            ['accepted', self.START, 'work', self.DONE, 'answered'], self.lines
        )
        node = self._assert_states(states.ACTIVE, states.NOSTATE)
        self.assertIsNone(node.reservation)
        self.assertIsNone(node.last_error)

    def test_worker_ends_last(self):
        self._deploy(self._wait_at_gate)
        # answered, so the new state is there and the node is locked
        node = self._assert_states(states.DEPLOYING, states.ACTIVE)
        self.assertIsNotNone(node.reservation)
        self._finish()
        self.lines.remove('answered')
        self.assertEqual(
            ['accepted', self.START, 'work', self.DONE], self.lines
        )
        node = self._assert_states(states.ACTIVE, states.NOSTATE)
        self.assertIsNone(node.reservation)

    def test_message_bus_is_not_waited_for(self):
        self.emit.side_effect = lambda *args: (
            self.gate.wait(30),
            self._emit(*args),
        )
        self._deploy()
        self._assert_states(states.DEPLOYING, states.ACTIVE)
        self.assertEqual(['accepted', 'answered'], self.lines)
        self._finish()
        self.assertEqual(
            ['accepted', 'answered', self.START, 'work', self.DONE], self.lines
        )

    def test_synchronous_executor(self):
        self._deploy(spawn=futurist.SynchronousExecutor().submit)
        self.assertEqual(
            ['accepted', self.START, 'work', self.DONE, 'answered'], self.lines
        )

    def test_work_fails_first(self):
        self._deploy(self._fail, self._spawn_and_finish)
        self.assertEqual(
            ['accepted', self.START, 'work', self.FAIL, 'answered'], self.lines
        )
        node = self._assert_states(states.DEPLOYFAIL, states.ACTIVE)
        self.assertIn(
            '_fail failed with error: the work went wrong', node.last_error
        )
        self.assertIsNone(node.reservation)

    def test_work_fails_last(self):
        def work(task):
            self.gate.wait(30)
            self._fail(task)

        self._deploy(work)
        self._finish()
        self.assertEqual(self.FAIL, self.lines[-1])
        node = self._assert_states(states.DEPLOYFAIL, states.ACTIVE)
        self.assertIsNone(node.reservation)

    def test_target_state_and_last_error(self):
        self._deploy(
            self._wait_at_gate,
            target_state=states.MANAGEABLE,
            last_error='a new error',
        )
        node = self._assert_states(states.DEPLOYING, states.MANAGEABLE)
        self.assertEqual('a new error', node.last_error)

    def test_no_worker(self):
        for error in (exception.NoFreeConductorWorker(), ValueError('why')):
            del self.lines[:]
            self.dbapi.update_node(
                self.node.uuid, {'last_error': 'an old error'}
            )
            for entry in objects.NodeHistory.list_by_node_id(
                self.context, self.node.id
            ):
                entry.destroy()
            node = self._assert_refused(
                type(error), spawn=mock.Mock(side_effect=error)
            )
            # A time-out is not put off.
            self.assertIsNone(node.provision_updated_at)

    def test_no_worker_hook(self):
        hook = mock.Mock()
        error = exception.NoFreeConductorWorker()

        def _test():
            with self._task() as task:
                task.set_spawn_error_hook(hook, 'argument')
                self._start(task, mock.Mock(side_effect=error))

        self.assertRaises(exception.NoFreeConductorWorker, _test)
        hook.assert_called_once_with(error, 'argument')
        self._assert_states(states.AVAILABLE, states.NOSTATE)

    def test_no_worker_unsaved_changes_are_dropped(self):
        def spawn(func, task):
            task.node.instance_info = {'password': 'secret'}
            raise exception.NoFreeConductorWorker()

        node = self._assert_refused(
            exception.NoFreeConductorWorker, spawn=spawn
        )
        self.assertNotIn('password', node.instance_info)

    def test_cancelled(self):
        def spawn(*args):
            self.executor.submit(self.gate.wait, 30)
            future = self.executor.submit(*args)
            self.assertTrue(future.cancel())
            return future

        self._assert_refused(exception.NoFreeConductorWorker, spawn=spawn)
        self.assertIsInstance(self.error.__cause__, futurist.CancelledError)

    def test_cancelled_while_waiting(self):
        def spawn(*args):
            self.executor.submit(self.gate.wait, 30)
            future = self.executor.submit(*args)
            canceller = threading.Timer(0.1, future.cancel)
            canceller.start()
            self.addCleanup(canceller.join)
            return future

        self._assert_refused(exception.NoFreeConductorWorker, spawn=spawn)
        self.assertIsInstance(self.error.__cause__, futurist.CancelledError)

    def _break_database(self, carried_out=False):
        update = self.dbapi.update_node
        errors = [db_exception.DBError('secret')]

        def update_node(uuid, values):
            if values.get('provision_state') != states.DEPLOYING:
                return update(uuid, values)
            if carried_out:
                update(uuid, values)
            raise errors[0]

        patcher = mock.patch.object(
            self.dbapi, 'update_node', autospec=True, side_effect=update_node
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_save_fails_first(self):
        self._break_database()
        node = self._assert_refused(
            db_exception.DBError, spawn=self._spawn_and_finish
        )
        self.assertNotIn('secret', node.last_error)

    def test_save_fails_last(self):
        self._break_database()
        self.executor.submit(self.gate.wait, 0.1)
        self._assert_refused(db_exception.DBError)

    def test_save_fails_but_is_carried_out(self):
        self._break_database(carried_out=True)
        self._assert_refused(db_exception.DBError)

    def test_error_before_the_function(self):
        with mock.patch.object(
            type(self.context),
            'ensure_thread_contain_context',
            autospec=True,
            side_effect=[None, ValueError('why')],
        ):
            self._assert_refused(ValueError)

    def test_restore_fails(self):
        with mock.patch.object(
            objects.Node,
            'refresh',
            autospec=True,
            side_effect=db_exception.DBError('gone'),
        ):
            self.assertRaises(
                exception.NoFreeConductorWorker,
                self._deploy,
                spawn=mock.Mock(side_effect=exception.NoFreeConductorWorker()),
            )
        node = self._assert_states(states.AVAILABLE, states.NOSTATE)
        self.assertIsNone(node.reservation)

    def test_node_is_gone(self):
        def spawn(*args):
            self.dbapi.destroy_node(self.node.uuid)
            return self.executor.submit(*args)

        self.assertRaises(exception.NodeNotFound, self._deploy, spawn=spawn)
        self.assertEqual(['accepted'], self.lines)

    def test_invalid_event(self):
        spawn = mock.Mock()
        with self._task() as task:
            self.assertRaises(
                exception.InvalidState, self._start, task, spawn, 'unrescue'
            )
        self.assertFalse(spawn.called)
        node = self._assert_states(states.AVAILABLE, states.NOSTATE)
        self.assertEqual('an old error', node.last_error)

    def test_error_in_the_block(self):
        spawn = mock.Mock()

        def _test():
            with self._task() as task:
                self._start(task, spawn)
                raise ValueError('why')

        self.assertRaises(ValueError, _test)
        self.assertFalse(spawn.called)
        node = self._assert_states(states.AVAILABLE, states.NOSTATE)
        self.assertEqual('an old error', node.last_error)
        self.assertIsNone(node.reservation)
