# SPDX-License-Identifier: Apache-2.0
"""An operation survives what the database does to Ironic's own statements."""

import contextlib
from unittest import mock

from ironic import objects
from ironic.common import states
from ironic.conductor import manager  # noqa: F401  # what is patched
from ironic.conductor import utils
from ironic.db.sqlalchemy import api
from oslo_config import cfg
from oslo_db import exception as db_exception

from ironic_async_events.tests.unit import base
from ironic_async_events.tests.unit import fixtures as async_fixtures


class RetriesTestCase(base.TaskTestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(async_fixtures.Plugin())

    @contextlib.contextmanager
    def failing(self, name, times=3, after=False):
        """Let a method of the database fail.

        :param name: of the method
        :param times: how often
        :param after: whether it has done its work by then
        """
        real = getattr(api.Connection, name)
        left = [db_exception.DBConnectionError('gone')] * times

        def call(*args, **kwargs):
            if left and after:
                real(*args, **kwargs)
            if left:
                raise left.pop()
            return real(*args, **kwargs)

        with mock.patch.object(api.Connection, name, call):
            yield

    def deploy(self, work):
        """Run an operation to its end; return the error of its work."""
        errors = []

        def run(task):
            try:
                work(task)
            except Exception as e:
                errors.append(e)
                raise

        with self.task() as task:
            task.process_event(
                'deploy', callback=self.executor.submit, call_args=(run, task)
            )
        self.executor.shutdown()
        self.assertIsNone(self.stored().reservation)
        return errors

    def test_a_save_in_an_operation(self):
        def work(task):
            task.node.extra = {'saved': True}
            with self.failing('update_node'):
                task.node.save()
            task.process_event('done')

        self.assertEqual([], self.deploy(work))
        self.assertEqual({'saved': True}, self.stored().extra)
        self.assert_state(states.ACTIVE, states.NOSTATE)

    def test_a_read_in_an_operation(self):
        def work(task):
            with self.failing('get_node_by_uuid'):
                task.node.refresh()

        self.assertEqual([], self.deploy(work))

    def record(self, task):
        utils.node_history_record(task.node, event='it failed', error=True)

    def events(self):
        history = objects.NodeHistory.list_by_node_id(
            self.context, self.node.id
        )
        return [record.event for record in history]

    def test_a_record_that_failed_is_made(self):
        with self.failing('create_node_history', 1):
            self.assertEqual([], self.deploy(self.record))
        self.assertEqual(['it failed'], self.events())

    def test_a_record_whose_answer_was_lost_is_made_once(self):
        with self.failing('create_node_history', 1, after=True):
            self.assertEqual([], self.deploy(self.record))
        self.assertEqual(['it failed'], self.events())

    def test_a_database_that_stays_away_ends_the_operation(self):
        def work(task):
            with self.failing('update_node', 1000):
                task.node.save()

        (error,) = self.deploy(work)
        self.assertIsInstance(error, db_exception.DBConnectionError)
        self.assertEqual(
            cfg.CONF.database.db_max_retries - 1, self.pause.call_count
        )

    def test_a_client_does_not_wait(self):
        with self.failing('get_node_by_uuid', 1):
            self.assertRaises(db_exception.DBConnectionError, self.stored)
        self.assertFalse(self.pause.called)

    def test_a_conflict_of_a_save_is_retried_for_a_client_too(self):
        self.useFixture(async_fixtures.Conflicts(3))
        self.node.extra = {'saved': True}
        self.node.save()
        self.assertEqual({'saved': True}, self.stored().extra)
