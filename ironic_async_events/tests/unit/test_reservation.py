# SPDX-License-Identifier: Apache-2.0
"""No node stays locked by a conductor that does not know of it."""

import contextlib
import threading
from unittest import mock

from ironic.common import exception
from oslo_config import cfg
from oslo_db import exception as db_exception

from ironic_async_events.repairs import locks as reservation
from ironic_async_events.task import database
from ironic_async_events.tests.unit import base
from ironic_async_events.tests.unit import fixtures as async_fixtures

GONE = db_exception.DBConnectionError('gone')


class Telling(threading.Condition):
    """A condition that tells when a thread begins to wait for it."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def wait(self, timeout=None):
        self.told()
        return super().wait(timeout)


class Impatient(threading.Condition):
    """A condition for which nobody waits; notes how long one would."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)

    def wait_for(self, predicate, timeout=None):
        if not predicate():
            self.wait(timeout)


class ReservationTestCase(base.TaskTestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(async_fixtures.Plugin())

    @contextlib.contextmanager
    def failing(self, name, times=1, after=False):
        """Let a call of the database fail.

        :param name: of the method
        :param times: how often
        :param after: whether it has done its work by then
        """
        real = getattr(self.dbapi, name)
        left = times

        def call(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                return real(*args, **kwargs)
            if after:
                real(*args, **kwargs)
            raise GONE

        with mock.patch.object(
            self.dbapi, name, autospec=True, side_effect=call
        ):
            yield

    def ask(self):
        """Lock the node; the answer does not come."""
        with self.failing('reserve_node', after=True):
            self.assertRaises(db_exception.DBConnectionError, self.task)

    def assert_locked(self, by=None):
        self.assertEqual(by, self.stored().reservation)

    # Giving it back

    def test_a_release_that_fails_is_tried_again(self):
        with self.failing('release_node', times=5), self.task():
            pass
        self.assert_locked()
        # The first repetition is at once.
        self.assertEqual(3, self.pause.call_count)

    def test_a_release_whose_answer_is_lost_is_a_release(self):
        with self.failing('release_node', after=True):
            with self.task() as task:
                pass
            self.assertIsNone(task.node)
        self.assert_locked()

    def test_a_lock_that_came_in_between_is_left_alone(self):
        release = self.dbapi.release_node

        def lose_answer(tag, node_id):
            release(tag, node_id)
            if releases.call_count == 1:
                self.dbapi.reserve_node('another', node_id)
                raise GONE

        with (
            mock.patch.object(
                self.dbapi,
                'release_node',
                autospec=True,
                side_effect=lose_answer,
            ) as releases,
            self.task(),
        ):
            pass
        self.assertEqual(2, releases.call_count)
        self.assert_locked('another')

    def test_the_lock_of_a_task_that_came_in_between_is_left_alone(self):
        # Both write the name of the conductor.
        retry = database.retry_until_answered
        others = []

        def take_and_retry(*args):
            others.append(self.task())
            return retry(*args)

        first = self.task()
        with (
            self.failing('release_node', after=True),
            mock.patch.object(
                database,
                'retry_until_answered',
                autospec=True,
                side_effect=take_and_retry,
            ),
        ):
            first.release_resources()
        self.assertIsNone(first.node)
        self.assert_locked(cfg.CONF.host)
        self.assertRaises(exception.NodeLocked, self.task, retry=False)
        others[0].release_resources()
        self.assert_locked()

    def test_a_lock_that_was_taken_away_is_not_released(self):
        first = self.task()
        # By a conductor that took this one for dead.
        self.dbapi.release_node(cfg.CONF.host, self.node.id)
        with self.task():
            first.release_resources()
            self.assert_locked(cfg.CONF.host)
        self.assert_locked()

    def test_a_downgraded_lock_is_nobodys(self):
        with self.task() as first:
            first.downgrade_lock()
            self.assert_locked()
            with self.task():
                first.release_resources()
                self.assert_locked(cfg.CONF.host)

    def test_a_downgrade_whose_answer_is_lost_is_no_ones_release(self):
        first = self.task()
        with self.failing('release_node', after=True):
            self.assertRaises(
                db_exception.DBConnectionError, first.downgrade_lock
            )
        with self.task():
            first.release_resources()
            self.assert_locked(cfg.CONF.host)
        self.assert_locked()

    def test_a_database_that_stays_away_is_the_callers_error(self):
        with self.failing('release_node', times=100):
            task = self.task()
            self.assertRaises(
                db_exception.DBConnectionError, task.release_resources
            )
        self.assertEqual(
            cfg.CONF.database.db_max_retries - 1, self.pause.call_count
        )
        self.assert_locked(cfg.CONF.host)
        # The next task that asks finds out that nobody has the lock.
        with self.task(retry=False):
            self.assert_locked(cfg.CONF.host)
        self.assert_locked()

    def test_other_errors_are_not_tried_again(self):
        task = self.task()
        self.dbapi.release_node(cfg.CONF.host, self.node.id)
        self.assertRaises(exception.NodeNotLocked, task.release_resources)
        self.assertFalse(self.pause.called)

    # Two threads

    def telling(self, told):
        """Use locks that tell when a thread begins to wait.

        :param told: called by the thread
        """
        known = reservation.Reservations()
        known._changed = Telling(told)
        patcher = mock.patch.object(reservation, 'RESERVATIONS', known)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_who_is_being_given_the_lock_is_waited_for(self):
        # The repeated release comes when another thread has been given the
        # lock, and nobody knows yet.
        gate = base.Gate()
        self.telling(gate.open)
        reserve = self.dbapi.reserve_node
        retry = database.retry_until_answered
        first = self.task()
        tasks = []
        asking = threading.Thread(target=lambda: tasks.append(self.task()))

        def answer_late(tag, node_id):
            node = reserve(tag, node_id)
            gate.pass_through()
            return node

        def ask_and_retry(*args):
            asking.start()
            gate.wait_for_arrival()
            return retry(*args)

        with (
            self.failing('release_node', after=True),
            mock.patch.object(
                self.dbapi,
                'reserve_node',
                autospec=True,
                side_effect=answer_late,
            ),
            mock.patch.object(
                database,
                'retry_until_answered',
                autospec=True,
                side_effect=ask_and_retry,
            ),
        ):
            first.release_resources()
        asking.join(base.PATIENCE)
        self.assert_locked(cfg.CONF.host)
        tasks[0].release_resources()
        self.assert_locked()

    def test_nobody_asks_while_a_lock_is_released(self):
        waits = threading.Event()
        self.telling(waits.set)
        release = self.dbapi.release_node
        tasks = []
        asking = threading.Thread(target=lambda: tasks.append(self.task()))

        def release_late(tag, node_id):
            asking.start()
            self.assertTrue(waits.wait(base.PATIENCE))
            release(tag, node_id)

        first = self.task()
        with mock.patch.object(
            self.dbapi, 'release_node', autospec=True, side_effect=release_late
        ):
            first.release_resources()
        asking.join(base.PATIENCE)
        self.assert_locked(cfg.CONF.host)
        tasks[0].release_resources()
        self.assert_locked()

    def hanging(self, gate):
        """Ask for the lock in another thread; the database does not answer.

        :param gate: where the thread waits, after the statement
        :returns: the thread, and a list for its task or its error
        """
        reserve = self.dbapi.reserve_node
        outcomes = []

        def hang(tag, node_id):
            try:
                return reserve(tag, node_id)
            finally:
                gate.pass_through()

        def ask():
            with mock.patch.object(
                self.dbapi, 'reserve_node', autospec=True, side_effect=hang
            ):
                try:
                    outcomes.append(self.task(retry=False))
                except Exception as e:
                    outcomes.append(e)

        thread = threading.Thread(target=ask)
        thread.start()
        gate.wait_for_arrival()
        self.addCleanup(thread.join, base.PATIENCE)
        self.addCleanup(gate.open)
        return thread, outcomes

    def waits(self):
        """Note how long threads would wait; they do not."""
        known = reservation.Reservations()
        known._changed = Impatient()
        patcher = mock.patch.object(reservation, 'RESERVATIONS', known)
        patcher.start()
        self.addCleanup(patcher.stop)
        return known._changed.seconds

    def test_a_request_that_hangs_delays_a_release_by_a_moment(self):
        seconds = self.waits()
        task = self.task()
        gate = base.Gate()
        thread, outcomes = self.hanging(gate)
        task.release_resources()
        self.assert_locked()
        self.assertEqual([reservation._MOMENT], seconds)
        gate.open()
        thread.join(base.PATIENCE)
        self.assertIsInstance(outcomes[0], exception.NodeLocked)

    def test_an_answer_that_comes_too_late_is_no_lock(self):
        seconds = self.waits()
        task = self.task()
        gate = base.Gate()
        retry = database.retry_until_answered
        hung = []

        def ask_and_retry(*args):
            if not hung:
                hung.extend(self.hanging(gate))
            return retry(*args)

        with (
            self.failing('release_node', after=True),
            mock.patch.object(
                database,
                'retry_until_answered',
                autospec=True,
                side_effect=ask_and_retry,
            ),
        ):
            task.release_resources()
        self.assert_locked()
        self.assertEqual([reservation._PATIENCE], seconds)
        thread, outcomes = hung
        gate.open()
        thread.join(base.PATIENCE)
        self.assertIsInstance(outcomes[0], db_exception.DBConnectionError)
        self.assert_locked()

    # Asking for it

    def test_a_lock_whose_answer_is_lost_is_given_back(self):
        self.ask()
        self.assert_locked()
        with self.task():
            self.assert_locked(cfg.CONF.host)

    def test_it_is_given_back_when_the_database_is_back(self):
        task = mock.Mock(context=self.context, node_id=self.node.uuid)
        self.dbapi.reserve_node(cfg.CONF.host, self.node.id)
        with self.failing('get_node_by_uuid', times=3):
            reservation.Reservations()._clear(task)
        self.assert_locked()
        self.assertEqual(2, self.pause.call_count)

    def test_the_lock_of_another_task_is_left_alone(self):
        with self.task():
            with self.failing('reserve_node'):
                self.assertRaises(db_exception.DBConnectionError, self.task)
            self.assert_locked(cfg.CONF.host)
        self.assert_locked()

    def test_the_lock_of_another_conductor_is_left_alone(self):
        self.dbapi.reserve_node('another', self.node.id)
        with self.failing('reserve_node'):
            self.assertRaises(db_exception.DBConnectionError, self.task)
        self.assert_locked('another')

    def test_one_that_waits_for_ever_hides_no_lock(self):
        # It waits for the node in another thread, between two attempts.
        gate = base.Gate()
        self.addCleanup(gate.open)
        self.pause.side_effect = lambda seconds: gate.pass_through()
        first = self.task()
        tasks = []
        patient = threading.Thread(
            target=lambda: tasks.append(self.task(patient=True))
        )
        patient.start()
        gate.wait_for_arrival()
        first.release_resources()
        self.ask()
        self.assert_locked()
        gate.open()
        patient.join(base.PATIENCE)
        self.assert_locked(cfg.CONF.host)
        tasks[0].release_resources()
        self.assert_locked()

    def test_any_error_may_hide_a_lock(self):
        def fail(tag, node_id):
            reserve(tag, node_id)
            raise exception.TemporaryFailure()

        reserve = self.dbapi.reserve_node
        with mock.patch.object(
            self.dbapi, 'reserve_node', autospec=True, side_effect=fail
        ):
            self.assertRaises(exception.TemporaryFailure, self.task)
        self.assert_locked()

    def test_who_was_refused_does_not_ask_any_more(self):
        with self.task(shared=True) as refused:
            self.dbapi.reserve_node('another', self.node.id)
            self.assertRaises(
                exception.NodeLocked, refused.upgrade_lock, retry=False
            )
            self.dbapi.release_node('another', self.node.id)
            self.ask()
            self.assert_locked()
        self.assertFalse(self.pause.called)

    def test_a_node_that_is_gone_is_no_ones(self):
        task = mock.Mock(context=self.context, node_id=self.node.uuid)
        self.dbapi.destroy_node(self.node.uuid)
        with mock.patch.object(reservation.LOG, 'error', autospec=True) as log:
            reservation.Reservations()._clear(task)
        self.assertFalse(log.called)

    def test_what_stays_locked_is_named(self):
        with (
            mock.patch.object(reservation.LOG, 'error', autospec=True) as log,
            self.failing('get_node_by_uuid', times=100),
        ):
            task = mock.Mock(context=self.context, node_id=self.node.uuid)
            reservation.Reservations()._clear(task)
        log.assert_called_once()
        self.assertEqual(
            {'node': self.node.uuid, 'error': 'DBConnectionError'},
            log.call_args.args[1],
        )
