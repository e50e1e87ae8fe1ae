# SPDX-License-Identifier: Apache-2.0
"""Tests of the connection that the relay's thread keeps."""

from unittest import mock

import fixtures
import sqlalchemy as sa
from sqlalchemy import event

from ironic_async_events.outbox import connection
from ironic_async_events.outbox import store
from ironic_async_events.tests.unit.outbox import base


class KeptTestCase(base.OutboxTestCase):
    def setUp(self):
        super().setUp()
        self.clock = base.Clock()
        self.useFixture(
            fixtures.MockPatchObject(
                connection, 'time', mock.Mock(monotonic=self.clock)
            )
        )
        self.kept = connection.Kept(self.engine, 60.0)
        self.addCleanup(self.kept.close)

    def used(self):
        with self.kept.statement() as connection:
            return connection

    def test_the_same_connection_serves_one_transaction_after_the_other(self):
        self.assertIs(self.used(), self.used())

    def test_without_a_recycle_time_it_is_kept(self):
        self.kept = connection.Kept(self.engine, -1)
        self.addCleanup(self.kept.close)
        self.assertIs(self.used(), self.used())

    def test_a_server_needs_no_commit_of_its_own(self):
        engine = mock.create_autospec(sa.Engine, instance=True)
        for name, options in (
            ('mysql', [mock.call(isolation_level='AUTOCOMMIT')]),
            ('postgresql', [mock.call(isolation_level='AUTOCOMMIT')]),
            ('sqlite', []),
        ):
            engine.dialect = mock.Mock()
            engine.dialect.name = name
            opened = engine.connect.return_value = mock.MagicMock(
                spec=sa.Connection
            )
            kept = connection.Kept(engine, 60.0)
            for _ in range(2):
                with kept.statement():
                    pass
            self.assertEqual(
                options, opened.execution_options.mock_calls, name
            )
            self.assertEqual(
                2 * (name == 'sqlite'), opened.begin.call_count, name
            )

    def test_each_transaction_is_committed(self):
        with self.kept.statement() as connection:
            connection.execute(sa.text('UPDATE async_events_relay SET id = 7'))
        with self.engine.connect() as other:
            self.assertEqual(
                7,
                other.execute(
                    sa.text('SELECT id FROM async_events_relay')
                ).scalar_one(),
            )

    def test_an_error_takes_everything_back_and_ends_the_connection(self):
        def fail():
            with self.kept.statement() as connection:
                connection.execute(
                    sa.text('UPDATE async_events_relay SET id = 7')
                )
                raise OSError('gone')

        first = self.used()
        self.assertRaises(OSError, fail)
        self.assertTrue(first.closed)
        with self.kept.statement() as connection:
            self.assertEqual(
                1,
                connection.execute(
                    sa.text('SELECT id FROM async_events_relay')
                ).scalar_one(),
            )

    def test_a_connection_is_changed_after_its_time(self):
        first = self.used()
        self.clock.now += 59.0
        self.assertIs(first, self.used())
        self.clock.now += 1.0
        self.assertIsNot(first, self.used())
        self.assertTrue(first.closed)

    def test_closing_twice_is_closing_once(self):
        first = self.used()
        self.kept.close()
        self.kept.close()
        self.assertTrue(first.closed)


class OwnConnectionTestCase(base.OutboxTestCase):
    def connections(self):
        """Count how often a connection is taken from the pool."""
        taken = []

        def note(*args):
            taken.append(args)

        event.listen(self.engine, 'checkout', note)
        self.addCleanup(event.remove, self.engine, 'checkout', note)
        return taken

    def test_a_thread_reads_and_writes_over_one_connection(self):
        store.put(base.make_message('one'), lambda: None)
        taken = self.connections()
        with connection.keep():
            (row,) = store.waiting(10)
            store.delete([row.id])
            self.assertEqual([], store.waiting(10))
        self.assertEqual(1, len(taken))
        self.assertEqual([], self.rows())

    def test_afterwards_it_uses_sessions_again(self):
        with connection.keep():
            store.waiting(10)
        taken = self.connections()
        store.waiting(10)
        store.waiting(10)
        self.assertEqual(2, len(taken))
