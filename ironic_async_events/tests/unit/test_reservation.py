# SPDX-License-Identifier: Apache-2.0
"""No node stays locked by a conductor that does not know of it."""

import contextlib
from unittest import mock

from ironic.common import exception
from oslo_config import cfg
from oslo_db import exception as db_exception

from ironic_async_events import reservation
from ironic_async_events.tests.unit import base

GONE = db_exception.DBConnectionError('gone')


class ReservationTestCase(base.TaskTestCase):
    def setUp(self):
        super().setUp()
        # oslo.db pauses between two attempts.
        patcher = mock.patch('oslo_db.api.time', autospec=True)
        self.pause = patcher.start().sleep
        self.addCleanup(patcher.stop)

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
        self.assertEqual(5, self.pause.call_count)

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

    def test_a_database_that_stays_away_is_the_callers_error(self):
        with self.failing('release_node', times=100):
            task = self.task()
            self.assertRaises(
                db_exception.DBConnectionError, task.release_resources
            )
        self.assertEqual(5, self.pause.call_count)

    def test_other_errors_are_not_tried_again(self):
        task = self.task()
        self.dbapi.release_node(cfg.CONF.host, self.node.id)
        self.assertRaises(exception.NodeNotLocked, task.release_resources)
        self.assertFalse(self.pause.called)

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
        self.assertEqual(3, self.pause.call_count)

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

    def test_another_that_asks_is_waited_for(self):
        asking = mock.Mock(node_id=self.node.id, node=None, shared=False)
        known = reservation.RESERVATIONS
        known._tasks.add(asking)
        # It gives up while we pause.
        self.pause.side_effect = lambda _: known._forget(asking)
        self.ask()
        self.assertEqual(1, self.pause.call_count)
        self.assert_locked()

    def test_another_that_asks_and_gets_it_keeps_it(self):
        asking = mock.Mock(node_id=self.node.id, node=None, shared=False)
        known = reservation.RESERVATIONS
        known._tasks.add(asking)
        self.addCleanup(known._forget, asking)

        def get(_):
            asking.node = self.node

        self.pause.side_effect = get
        self.ask()
        self.assert_locked(cfg.CONF.host)

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
        with mock.patch.object(
            reservation.LOG, 'exception', autospec=True
        ) as log:
            reservation.Reservations()._clear(task)
        self.assertFalse(log.called)

    def test_what_stays_locked_is_named(self):
        with (
            mock.patch.object(
                reservation.LOG, 'exception', autospec=True
            ) as log,
            self.failing('get_node_by_uuid', times=100),
        ):
            task = mock.Mock(context=self.context, node_id=self.node.uuid)
            reservation.Reservations()._clear(task)
        log.assert_called_once()
        self.assertEqual({'node': self.node.uuid}, log.call_args.args[1])
