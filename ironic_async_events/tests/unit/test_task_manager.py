# SPDX-License-Identifier: Apache-2.0

from concurrent import futures
import contextlib
import importlib.util
import pathlib
import textwrap
import threading
import unittest
from unittest import mock

import fixtures
import futurist
from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import utils
from oslo_db import exception as db_exception

import ironic_async_events
from ironic_async_events import conf as async_conf
from ironic_async_events.task import change
from ironic_async_events.task import database
from ironic_async_events.task import drop_in
from ironic_async_events.task import manager
from ironic_async_events.tests.unit import base

DEPLOY = 'start deploy: available -> deploying'
DONE = 'end done: deploying -> active'
FAIL = 'error fail: deploying -> deploy failed'


class HandOverTestCase(base.TaskTestCase):
    """Both orders of the RPC thread and the worker, forced.

    In each test the gate decides who is first; ``self.lines`` is compared as
    a whole.
    """

    def deploy(self, work, spawn=None, error_hook=None):
        """Accept a request to deploy, as an RPC method does."""
        with self.task() as task:
            task.process_event(
                'deploy',
                callback=spawn or self.executor.submit,
                call_args=(work, task),
                err_handler=error_hook,
            )
            self.lines.append('staged')
        self.lines.append('answered')

    def succeed(self, task):
        self.lines.append('main')
        task.process_event('done')

    def fail(self, task):
        self.lines.append('main')
        task.process_event('fail')
        raise RuntimeError('the work went wrong')

    def spawn_and_finish(self, *args, **kwargs):
        """Return to the RPC thread when the worker has ended."""
        future = self.executor.submit(*args, **kwargs)
        futures.wait([future], timeout=base.PATIENCE)
        self.lines.append('worker ended')
        return future

    def drain(self):
        """Wait until the worker has released everything."""
        self.executor.shutdown()

    # Success

    def test_the_worker_ends_before_the_rpc_thread_looks_again(self):
        self.deploy(self.succeed, self.spawn_and_finish)
        self.assertEqual(
            ['staged', DEPLOY, 'main', DONE, 'worker ended', 'answered'],
            self.lines,
        )
        self.assert_state(states.ACTIVE, states.NOSTATE)
        self.assertIsNone(self.stored().reservation)

    def test_the_rpc_thread_returns_before_the_main_function(self):
        gate = base.Gate()

        def work(task):
            gate.pass_through()
            self.succeed(task)

        self.deploy(work)
        # Answered, so the next GET has to show the new state.
        self.assert_state(states.DEPLOYING, states.ACTIVE)
        self.assertIsNotNone(self.stored().reservation)
        gate.open()
        self.drain()
        self.assertEqual(
            ['staged', 'answered', DEPLOY, 'main', DONE],
            sorted(self.lines, key=['staged', 'answered'].count, reverse=True),
        )
        self.assertLess(self.lines.index(DEPLOY), self.lines.index('main'))
        self.assertIsNone(self.stored().reservation)

    def test_the_rpc_thread_does_not_wait_for_the_bus(self):
        gate = base.Gate()
        emit = self.emit.side_effect
        self.emit.side_effect = lambda *a: (gate.pass_through(), emit(*a))
        self.deploy(self.succeed)
        self.assert_state(states.DEPLOYING, states.ACTIVE)
        self.assertEqual(['staged', 'answered'], self.lines)
        gate.open()
        self.drain()
        self.assertEqual(
            ['staged', 'answered', DEPLOY, 'main', DONE], self.lines
        )

    def test_without_waiting_the_worker_starts_after_the_answer(self):
        self.config(start_timeout=0, group='async_events')
        gate = base.Gate()
        self.executor.submit(gate.pass_through)
        self.deploy(self.succeed)
        self.assert_state(states.AVAILABLE, states.NOSTATE)
        gate.open()
        self.drain()
        self.assertEqual(
            ['staged', 'answered', DEPLOY, 'main', DONE], self.lines
        )
        self.assert_state(states.ACTIVE, states.NOSTATE)

    def test_a_late_worker_does_its_work_after_the_answer(self):
        self.config(start_timeout=0.01, group='async_events')
        gate = base.Gate()
        self.executor.submit(gate.pass_through)
        self.deploy(self.succeed)
        self.assertEqual(['staged', 'answered'], self.lines)
        gate.open()
        self.drain()
        self.assert_state(states.ACTIVE, states.NOSTATE)

    def test_a_reloaded_configuration_that_is_wrong_locks_no_node(self):
        log = mock.patch.object(async_conf, 'LOG', autospec=True)
        with (
            log as lines,
            mock.patch.object(
                type(manager.CONF.async_events),
                '__getattr__',
                autospec=True,
                side_effect=ValueError('soon'),
            ),
        ):
            timeout = async_conf.reloaded(manager.CONF, 'start_timeout')
            numbers = async_conf.reloaded(
                manager.CONF, 'sequence_notifications'
            )
        self.assertEqual((30.0, False), (timeout, numbers))
        text, *values = lines.error.call_args_list[0].args
        self.assertEqual(
            '[async_events] start_timeout cannot be used (soon); its default '
            'is used: 30.0',
            text % tuple(values),
        )

    def test_an_event_survives_a_reloaded_configuration_that_is_wrong(self):
        self.useFixture(fixtures.MockPatchObject(async_conf, 'LOG'))
        real = type(manager.CONF.async_events).__getattr__

        def broken(group, name):
            if name == 'sequence_notifications':
                raise ValueError('soon')
            return real(group, name)

        with (
            mock.patch.object(
                type(manager.CONF.async_events), '__getattr__', broken
            ),
            self.task() as task,
        ):
            task.process_event('manage')
        self.assert_state(states.MANAGEABLE, states.NOSTATE)

    def test_a_synchronous_executor_does_not_block(self):
        self.deploy(self.succeed, futurist.SynchronousExecutor().submit)
        self.assertEqual(
            ['staged', DEPLOY, 'main', DONE, 'answered'], self.lines
        )
        self.assertIsNone(self.stored().reservation)

    def test_a_mocked_spawn_method_blocks_until_the_time_out(self):
        self.config(start_timeout=0.01, group='async_events')
        for future in (mock.Mock(), mock.Mock(spec=futurist.Future)):
            task = self.task()
            with task:
                task.process_event(
                    'deploy',
                    callback=mock.Mock(return_value=future),
                    call_args=(self.succeed, task),
                )
            future.add_done_callback.assert_called_once_with(
                task._thread_release_resources
            )
            self.assert_state(states.AVAILABLE, states.NOSTATE)
            task.release_resources()

    # Failure of the work

    def test_the_work_fails_before_the_rpc_thread_looks_again(self):
        self.deploy(self.fail, self.spawn_and_finish)
        self.assertEqual(
            ['staged', DEPLOY, 'main', FAIL, 'worker ended', 'answered'],
            self.lines,
        )
        self.assert_state(states.DEPLOYFAIL, states.ACTIVE)
        self.assertIn('the work went wrong', self.stored().last_error)
        self.assertIsNone(self.stored().reservation)

    def test_the_work_fails_after_the_rpc_thread_has_returned(self):
        gate = base.Gate()

        def work(task):
            gate.pass_through()
            self.fail(task)

        self.deploy(work)
        gate.open()
        self.drain()
        self.assertEqual(FAIL, self.lines[-1])
        self.assert_state(states.DEPLOYFAIL, states.ACTIVE)
        self.assertIsNone(self.stored().reservation)

    # A future that is cancelled

    def spawn_and_cancel(self, *args, **kwargs):
        gate = base.Gate()
        self.executor.submit(gate.pass_through)
        future = self.executor.submit(*args, **kwargs)
        self.assertTrue(future.cancel())
        gate.open()
        return future

    def test_a_future_is_cancelled_before_the_rpc_thread_looks_again(self):
        error = self.assertRaises(
            exception.NoFreeConductorWorker,
            self.deploy,
            self.succeed,
            self.spawn_and_cancel,
        )
        self.assertIsInstance(error.__cause__, futurist.CancelledError)
        self.assertEqual(['staged'], self.lines)
        self.assert_taken_back()

    def test_a_future_is_cancelled_while_the_rpc_thread_waits(self):
        gate = base.Gate()
        self.executor.submit(gate.pass_through)
        spawned = []
        wait = futures.Future.result

        def spawn(*args):
            spawned.append(self.executor.submit(*args))
            return spawned[0]

        def wait_and_tell(started, timeout=None):
            if timeout is None:
                return wait(started)  # tenacity's
            canceller = threading.Thread(target=spawned[0].cancel)
            canceller.start()
            self.addCleanup(canceller.join)
            return wait(started, timeout)

        with mock.patch.object(
            futures.Future, 'result', autospec=True, side_effect=wait_and_tell
        ):
            self.assertRaises(
                exception.NoFreeConductorWorker,
                self.deploy,
                self.succeed,
                spawn,
            )
        gate.open()
        self.drain()
        self.assertEqual(['staged'], self.lines)
        self.assert_taken_back()

    def test_a_future_is_cancelled_after_the_rpc_thread_has_returned(self):
        self.config(start_timeout=0, group='async_events')
        gate = base.Gate()
        self.executor.submit(gate.pass_through)
        spawned = []

        def spawn(*args):
            spawned.append(self.executor.submit(*args))
            return spawned[0]

        self.deploy(self.succeed, spawn)
        self.assertTrue(spawned[0].cancel())
        gate.open()
        self.drain()
        self.assertEqual(['staged', 'answered'], self.lines)
        self.assert_taken_back()

    # The state cannot be saved

    def break_database(self):
        update = self.dbapi.update_node
        errors = [db_exception.DBError('gone')]

        def update_node(uuid, values):
            if errors and values.get('provision_state') == states.DEPLOYING:
                raise errors.pop()
            return update(uuid, values)

        patcher = mock.patch.object(
            self.dbapi, 'update_node', autospec=True, side_effect=update_node
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_saving_fails_before_the_rpc_thread_looks_again(self):
        self.break_database()
        self.assertRaises(
            db_exception.DBError,
            self.deploy,
            self.succeed,
            self.spawn_and_finish,
        )
        self.assertEqual(['staged', 'worker ended'], self.lines)
        self.assert_taken_back()

    def test_saving_fails_while_the_rpc_thread_waits(self):
        self.break_database()
        gate = base.Gate()
        self.executor.submit(gate.pass_through)
        wait = futures.Future.result

        def wait_and_tell(started, timeout=None):
            if timeout is None:
                return wait(started)  # tenacity's
            gate.open()
            return wait(started, timeout)

        with mock.patch.object(
            futures.Future, 'result', autospec=True, side_effect=wait_and_tell
        ):
            self.assertRaises(db_exception.DBError, self.deploy, self.succeed)
        self.assertEqual(['staged'], self.lines)
        self.assert_taken_back()

    def test_saving_fails_after_the_rpc_thread_has_returned(self):
        # The client was told that the request is accepted: so it is.
        self.config(start_timeout=0, group='async_events')
        self.break_database()
        gate = base.Gate()
        self.executor.submit(gate.pass_through)
        self.deploy(self.succeed)
        gate.open()
        self.drain()
        self.assertEqual(
            ['staged', 'answered', DEPLOY, 'main', DONE], self.lines
        )
        self.assert_state(states.ACTIVE, states.NOSTATE)
        self.assertIsNone(self.stored().reservation)

    def test_time_is_over_while_the_worker_refuses(self):
        # The refusal was first: it is the answer, however long it takes.
        self.config(start_timeout=0.01, group='async_events')
        self.break_database()
        gate = base.Gate()
        wait = futures.Future.result
        undo = change.StateChange.undo

        def wait_and_tell(started, timeout=None):
            if timeout is None:
                return wait(started)  # tenacity's
            gate.wait_for_arrival()
            try:
                return wait(started, timeout)
            finally:
                gate.open()

        def undo_and_tell(action):
            gate.pass_through()
            undo(action)

        with (
            mock.patch.object(
                futures.Future,
                'result',
                autospec=True,
                side_effect=wait_and_tell,
            ),
            mock.patch.object(
                change.StateChange,
                'undo',
                autospec=True,
                side_effect=undo_and_tell,
            ),
        ):
            self.assertRaises(db_exception.DBError, self.deploy, self.succeed)
        self.assertEqual(['staged'], self.lines)
        self.assert_taken_back()

    def test_the_caller_is_told_nothing_of_what_the_database_says(self):
        update = self.dbapi.update_node

        def update_node(uuid, values):
            if values.get('provision_state') == states.DEPLOYING:
                raise db_exception.DBError(
                    RuntimeError('[SQL: UPDATE nodes] [parameters: secret]')
                )
            return update(uuid, values)

        with mock.patch.object(
            self.dbapi, 'update_node', autospec=True, side_effect=update_node
        ):
            error = self.assertRaises(
                db_exception.DBError, self.deploy, self.succeed
            )
        self.assert_taken_back()
        for text in (str(error), self.stored().last_error):
            self.assertIn('the database failed: DBError', text)
            self.assertNotIn('secret', text)
        self.assertIn('secret', str(error.__cause__))

    def test_what_the_database_says_later_is_not_recorded_either(self):
        def work(task):
            raise db_exception.DBError(RuntimeError('secret'))

        self.deploy(work)
        self.drain()
        self.assertIn('the database failed', self.stored().last_error)
        self.assertNotIn('secret', self.stored().last_error)

    def test_an_error_after_the_commit_does_not_undo_it(self):
        # The node is written and committed, then read back.
        update = self.dbapi.update_node
        broken = [db_exception.DBConnectionError('gone')]

        def update_node(uuid, values):
            node = update(uuid, values)
            if broken and 'provision_state' in values:
                raise broken.pop()
            return node

        with mock.patch.object(
            self.dbapi, 'update_node', autospec=True, side_effect=update_node
        ):
            self.deploy(self.succeed, self.spawn_and_finish)
        self.assertEqual(
            ['staged', DEPLOY, 'main', DONE, 'worker ended', 'answered'],
            self.lines,
        )

    def test_what_is_committed_needs_no_further_statement(self):
        # The answer is lost. The look that finds the state is the last one.
        update = self.dbapi.update_node
        look = self.dbapi.get_node_by_uuid
        looks = []

        def update_node(uuid, values):
            node = update(uuid, values)
            if values.get('provision_state') == states.DEPLOYING:
                looks.append(None)
                raise db_exception.DBConnectionError('gone')
            return node

        def get_node_by_uuid(uuid):
            if looks:
                looks.append(None)
                if len(looks) == 3:
                    raise db_exception.DBConnectionError('gone again')
            return look(uuid)

        with (
            mock.patch.object(
                self.dbapi,
                'update_node',
                autospec=True,
                side_effect=update_node,
            ),
            mock.patch.object(
                self.dbapi,
                'get_node_by_uuid',
                autospec=True,
                side_effect=get_node_by_uuid,
            ),
        ):
            self.deploy(self.succeed, self.spawn_and_finish)
        self.assertEqual(
            ['staged', DEPLOY, 'main', DONE, 'worker ended', 'answered'],
            self.lines,
        )

    # The database is away

    @contextlib.contextmanager
    def away(self, times, **values):
        """Let the database fail for a time.

        :param times: how often it fails
        :param values: it fails when these are saved
        """
        update = self.dbapi.update_node
        left = [db_exception.DBConnectionError('gone')] * times

        def update_node(uuid, changes):
            if left and values.items() <= changes.items():
                raise left.pop()
            return update(uuid, changes)

        with mock.patch.object(
            self.dbapi, 'update_node', autospec=True, side_effect=update_node
        ):
            yield
        self.assertEqual([], left)

    def test_a_worker_saves_its_state_when_the_database_is_back(self):
        with self.away(5, provision_state=states.ACTIVE):
            self.deploy(self.succeed)
            self.drain()
        self.assertEqual(
            ['staged', DEPLOY, 'answered', 'main', DONE],
            sorted(self.lines, key=['main', DONE].__contains__),
        )
        self.assert_state(states.ACTIVE, states.NOSTATE)
        self.assertIsNone(self.stored().reservation)

    def test_what_decides_is_read_from_the_whole_cluster(self):
        read = []
        real = database.causal

        @contextlib.contextmanager
        def causal():
            read.append(True)
            with real():
                yield

        with (
            mock.patch.object(database, 'causal', causal),
            self.away(1, provision_state=states.DEPLOYING),
        ):
            self.assertRaises(db_exception.DBError, self.deploy, self.succeed)
        # Was it saved? What is to be taken back?
        self.assertEqual([True, True], read)
        self.assert_taken_back()

    def test_a_client_does_not_wait_for_the_database(self):
        with self.away(1, provision_state=states.MANAGEABLE):
            task = self.task()
            self.assertRaises(
                db_exception.DBError, task.process_event, 'manage'
            )
            task.release_resources()

    def test_the_error_of_the_work_is_recorded_when_it_is_back(self):
        error = (
            'Async execution of fail failed with error: the work went wrong'
        )
        with self.away(5, last_error=error):
            self.deploy(self.fail)
            self.drain()
        self.assertEqual(error, self.stored().last_error)
        self.assertIsNone(self.stored().reservation)

    # No worker

    def test_a_request_without_a_worker_never_happened(self):
        for cause in (
            exception.NoFreeConductorWorker(),
            RuntimeError("can't start new thread"),
            futurist.RejectedSubmission('full'),
        ):
            self.lines.clear()
            error = self.assertRaises(
                exception.NoFreeConductorWorker,
                self.deploy,
                self.succeed,
                mock.Mock(side_effect=cause),
            )
            if error is not cause:
                self.assertIs(cause, error.__cause__)
            self.assertEqual(['staged'], self.lines)
            self.assert_state(states.AVAILABLE, states.NOSTATE)
            self.assertIsNone(self.stored().reservation)
            self.assertIn('No free conductor', self.stored().last_error)
            self.assertIn(str(error.__cause__ or ''), self.stored().last_error)

    def test_a_second_refusal_with_the_same_reason_has_its_record(self):
        refused = mock.Mock(side_effect=exception.NoFreeConductorWorker())
        for expected in (1, 2):
            # The first attempt of the second refusal never reached the row.
            with self.away(expected - 1, last_error=self.stored().last_error):
                self.assertRaises(
                    exception.NoFreeConductorWorker,
                    self.deploy,
                    self.succeed,
                    refused,
                )
            history = objects.NodeHistory.list_by_node_id(
                self.context, self.node.id
            )
            self.assertEqual(expected, len(history))

    def test_only_what_is_no_worker_is_called_so(self):
        # A client repeats the request for ever when it is told so.
        for cause in (
            TypeError('spawn() got multiple values for argument'),
            NotImplementedError(),
            exception.InvalidParameterValue(err='no'),
        ):
            error = self.assertRaises(
                type(cause),
                self.deploy,
                self.succeed,
                mock.Mock(side_effect=cause),
            )
            self.assertIs(cause, error)
            self.assert_state(states.AVAILABLE, states.NOSTATE)
            self.assertIsNone(self.stored().reservation)
            self.assertIn('could not start', self.stored().last_error)

    def test_what_the_request_had_saved_is_taken_back_too(self):
        before = self.stored()
        with (
            self.assertRaisesRegex(exception.NoFreeConductorWorker, 'workers'),
            self.task() as task,
        ):
            task.node.lessee = 'somebody'
            task.node.instance_info = {'image': 'new'}
            task.node.set_driver_internal_info('agent_url', 'url')
            task.node.save()
            task.process_event(
                'deploy',
                callback=mock.Mock(side_effect=RuntimeError),
                call_args=(self.succeed, task),
            )
        after = self.stored()
        for field in before.fields:
            if field not in ('last_error', 'updated_at', 'traits'):
                self.assertEqual(
                    getattr(before, field), getattr(after, field), field
                )

    def test_a_worker_that_starts_after_the_refusal_does_nothing(self):
        # An executor that queues the work before it finds out that it has
        # no thread for it.
        queued = []

        def spawn(func, *args):
            queued.append((func, args))
            raise RuntimeError("can't start new thread")

        self.assertRaises(
            exception.NoFreeConductorWorker, self.deploy, self.succeed, spawn
        )
        func, args = queued[0]
        self.assertRaisesRegex(RuntimeError, 'taken back', func, *args)
        self.assertEqual(['staged'], self.lines)
        self.assert_taken_back()

    def test_a_node_that_is_gone_stops_its_worker(self):
        def spawn(*args):
            self.dbapi.destroy_node(self.node.uuid)
            return self.executor.submit(*args)

        self.assertRaises(
            exception.NodeNotFound, self.deploy, self.succeed, spawn
        )
        self.assertEqual(['staged'], self.lines)

    # Hooks

    def test_hooks_that_the_task_manager_replaces_are_not_called(self):
        for name in drop_in.REPLACED_HOOKS:
            if not hasattr(utils, name):
                continue  # older than that operation
            with mock.patch.object(utils, name, autospec=True) as hook:
                self.assertRaises(
                    exception.NoFreeConductorWorker,
                    self.deploy,
                    self.succeed,
                    mock.Mock(side_effect=RuntimeError),
                    hook,
                )
            self.assertFalse(hook.called)

    def test_the_record_has_the_type_that_ironic_gives_it(self):
        for hook, expected in (
            (utils.provisioning_error_handler, states.PROVISIONING),
            (utils.spawn_cleaning_error_handler, states.CONDUCTOR),
            (mock.Mock(), states.PROVISIONING),
            (None, states.PROVISIONING),
        ):
            self.assertRaises(
                exception.NoFreeConductorWorker,
                self.deploy,
                self.succeed,
                mock.Mock(side_effect=RuntimeError),
                hook,
            )
            (entry,) = objects.NodeHistory.list_by_node_id(
                self.context, self.node.id
            )
            self.assertEqual(expected, entry.event_type)
            entry.destroy()

    def test_other_hooks_get_what_they_were_promised(self):
        calls = []

        def hook(error, node, state, target):
            calls.append((type(error), node.provision_state, state, target))

        self.assertRaises(
            exception.NoFreeConductorWorker,
            self.deploy,
            self.succeed,
            mock.Mock(side_effect=RuntimeError),
            hook,
        )
        self.assertEqual(
            [
                (
                    exception.NoFreeConductorWorker,
                    states.AVAILABLE,
                    states.AVAILABLE,
                    states.NOSTATE,
                )
            ],
            calls,
        )

    def test_a_hook_that_raises_changes_nothing_else(self):
        with mock.patch.object(manager.LOG, 'exception', autospec=True) as log:
            self.assertRaises(
                exception.NoFreeConductorWorker,
                self.deploy,
                self.succeed,
                mock.Mock(side_effect=RuntimeError),
                mock.Mock(side_effect=ValueError, __name__='hook'),
            )
        self.assertTrue(log.called)
        self.assert_taken_back()

    def test_the_hook_that_was_set_last_counts(self):
        replaced = utils.spawn_cleaning_error_handler
        for other_is_last in (False, True):
            other = mock.Mock()
            hooks = [replaced, other] if other_is_last else [other, replaced]
            with (
                self.assertRaisesRegex(
                    exception.NoFreeConductorWorker, 'workers'
                ),
                self.task() as task,
            ):
                for hook in hooks:
                    task.set_spawn_error_hook(hook, task.node)
                task.spawn_after(
                    mock.Mock(side_effect=RuntimeError), len, task
                )
            self.assertEqual(other_is_last, other.called)
            # The task manager records the error in place of the other one.
            history = objects.NodeHistory.list_by_node_id(
                self.context, self.node.id
            )
            self.assertEqual(0 if other_is_last else 1, len(history))
            for entry in history:
                entry.destroy()

    def test_a_hook_of_a_spawn_without_event_sees_no_free_worker(self):
        hook = mock.Mock()
        with (
            self.assertRaisesRegex(exception.NoFreeConductorWorker, 'workers'),
            self.task() as task,
        ):
            task.set_spawn_error_hook(hook, 1, two=2)
            task.spawn_after(mock.Mock(side_effect=RuntimeError), len, task)
        hook.assert_called_once_with(mock.ANY, 1, two=2)
        self.assertIsInstance(
            hook.call_args.args[0], exception.NoFreeConductorWorker
        )
        self.assertIsNone(self.stored().reservation)


class ProcessEventTestCase(base.TaskTestCase):
    def test_a_refused_event_leaves_everything_as_it_was(self):
        with self.task() as task:
            fsm = task.fsm
            for event, target in (
                ('fail', None),
                ('nonsense', None),
                ('deploy', 'nonsense'),
                ('deploy', states.DEPLOYING),
            ):
                for callback in (None, mock.Mock()):
                    self.assertRaises(
                        exception.InvalidState,
                        task.process_event,
                        event,
                        callback=callback,
                        call_args=(len, task),
                        target_state=target,
                    )
            self.assertIs(fsm, task.fsm)
            self.assertEqual(states.AVAILABLE, fsm.current_state)
            self.assertEqual(set(), task.node.obj_what_changed())
        self.assertFalse(self.emit.called)
        self.assert_state(states.AVAILABLE, states.NOSTATE)

    def test_a_failed_save_leaves_the_task_usable(self):
        with self.task() as task:
            with mock.patch.object(
                self.dbapi,
                'update_node',
                autospec=True,
                side_effect=db_exception.DBError('gone'),
            ):
                self.assertRaises(
                    db_exception.DBError, task.process_event, 'deploy'
                )
            self.assertEqual(states.AVAILABLE, task.node.provision_state)
            self.assertEqual(set(), task.node.obj_what_changed())
            task.process_event('deploy')
        self.assertEqual([DEPLOY], self.lines)

    def test_an_event_that_cannot_be_prepared_leaves_the_task_usable(self):
        broken = mock.patch.object(
            change, 'StateChange', autospec=True, side_effect=ImportError
        )
        with self.task() as task:
            with broken:
                self.assertRaises(ImportError, task.process_event, 'deploy')
            task.process_event('deploy')
        self.assertEqual([DEPLOY], self.lines)

    def test_what_was_announced_is_not_taken_back(self):
        self.node.provision_state = states.CLEANWAIT
        self.node.target_provision_state = states.AVAILABLE
        self.node.save()
        with (
            self.assertRaisesRegex(exception.NoFreeConductorWorker, 'workers'),
            self.task() as task,
        ):
            task.process_event('fail')
            task.process_event(
                'manage',
                callback=mock.Mock(side_effect=RuntimeError),
                call_args=(len, task),
            )
        self.assert_state(states.CLEANFAIL, states.AVAILABLE)
        self.assertEqual(
            ['error fail: clean wait -> clean failed'], self.lines
        )

    def test_an_error_in_the_block_changes_nothing(self):
        def fail():
            with self.task() as task:
                task.process_event(
                    'deploy',
                    callback=self.executor.submit,
                    call_args=(len, task),
                )
                raise ValueError

        self.assertRaises(ValueError, fail)
        self.assert_state(states.AVAILABLE, states.NOSTATE)
        self.assertIsNone(self.stored().reservation)
        self.assertEqual([], self.lines)

    def test_a_callback_without_a_task_gets_its_state_written_first(self):
        states_seen = []

        def spawn():
            states_seen.append(self.stored().provision_state)
            return self.executor.submit(lambda: None)

        with self.task() as task:
            task.process_event('deploy', callback=spawn)
        self.executor.shutdown()
        self.assertEqual([states.DEPLOYING], states_seen)
        self.assertEqual([DEPLOY], self.lines)

    def test_a_callback_among_the_keywords_works_as_on_stock(self):
        def spawn(func, task):
            return self.executor.submit(func, task)

        with self.task() as task:
            task.process_event(
                'deploy',
                callback=spawn,
                call_kwargs={'func': lambda task: None, 'task': task},
            )
        self.executor.shutdown()
        self.assert_state(states.DEPLOYING, states.ACTIVE)
        self.assertIsNone(self.stored().reservation)


class EventTestCase(base.TaskTestCase):
    """The interface without callbacks."""

    cls = manager.AsyncTaskManager

    def test_an_event_is_spawned_and_post_processed(self):
        def work(task, steps):
            self.lines.append(f'main {steps}')
            task.process_event('done')

        with self.task(self.cls) as task:
            task.spawn_after(
                futurist.SynchronousExecutor().submit,
                work,
                task,
                event='deploy',
                steps=['a'],
            )
        self.assertEqual([DEPLOY, "main ['a']", DONE], self.lines)

    def test_a_driver_starts_work_with_an_event_under_the_drop_in(self):
        with self.task() as task:
            task.start(
                futurist.SynchronousExecutor().submit,
                self.finish,
                task,
                event='deploy',
            )
        self.assertEqual([DEPLOY, 'main', DONE], self.lines)

    def finish(self, task):
        self.lines.append('main')
        task.process_event('done')

    def test_target_and_error_are_the_events(self):
        with self.task(self.cls) as task:
            task.spawn_after(
                futurist.SynchronousExecutor().submit,
                lambda task: None,
                task,
                event='deploy',
                target_state=states.AVAILABLE,
                last_error='why',
            )
        self.assert_state(states.DEPLOYING, states.AVAILABLE)
        self.assertEqual('why', self.stored().last_error)

    def test_a_refused_event_spawns_nothing(self):
        spawn = mock.Mock()
        with self.task(self.cls) as task:
            self.assertRaises(
                exception.InvalidState,
                task.spawn_after,
                spawn,
                len,
                task,
                event='nonsense',
            )
        self.assertFalse(spawn.called)

    def test_an_event_without_its_task_is_refused_at_once(self):
        with self.task(self.cls) as task:
            for args, kwargs in (((len,), {}), ((), {'task': task})):
                self.assertRaisesRegex(
                    TypeError,
                    'this task among them',
                    task.spawn_after,
                    mock.Mock(),
                    *args,
                    event='deploy',
                    **kwargs,
                )
            self.assertEqual(states.AVAILABLE, task.fsm.current_state)

    def test_a_request_without_a_worker_never_happened(self):
        with (
            self.assertRaisesRegex(exception.NoFreeConductorWorker, 'workers'),
            self.task(self.cls) as task,
        ):
            task.spawn_after(
                mock.Mock(side_effect=RuntimeError), len, task, event='deploy'
            )
        self.assert_taken_back()


PAGE = (
    pathlib.Path(ironic_async_events.__file__).parents[1]
    / 'doc/source/contributor/extending.rst'
)


@unittest.skipUnless(PAGE.exists(), 'the documentation is not installed')
@unittest.skipUnless(
    importlib.util.find_spec('ironic.common.metrics_utils'),
    'this Ironic has its metrics elsewhere',
)
class DocumentedTestCase(base.TaskTestCase):
    """The class of a site in the documentation, as it is written there."""

    def site_class(self):
        text = PAGE.read_text()
        block = text.partition(':caption: site_ironic/task_manager.py\n')[2]
        names = {'__name__': 'site_ironic.task_manager'}
        code = textwrap.dedent(block.partition('\nRegister the class')[0])
        exec(code, names)
        return names['SiteTaskManager'], names['METRICS']

    def test_it_counts_what_a_request_waits_for_its_worker(self):
        cls, metrics = self.site_class()
        with (
            mock.patch.object(
                metrics, 'send_timer', autospec=True
            ) as send_timer,
            self.task(cls) as task,
        ):
            with self.task(cls, shared=True):
                pass  # asks for no worker
            task.process_event(
                'deploy',
                callback=futurist.SynchronousExecutor().submit,
                call_args=(lambda task: task.process_event('done'), task),
            )
        send_timer.assert_called_once_with('worker_start', mock.ANY)
        self.assertEqual(2, len(self.lines))
