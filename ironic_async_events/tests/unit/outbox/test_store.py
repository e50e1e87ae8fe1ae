# SPDX-License-Identifier: Apache-2.0
"""Tests of what is said to the database."""

import dataclasses
import gc
from unittest import mock

import fixtures
from ironic.tests.unit.db import utils as db_utils
from oslo_db import exception as db_exc
from sqlalchemy import event
from sqlalchemy import exc as sa_exc
from sqlalchemy.event import registry

from ironic_async_events.outbox import connection
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import store
from ironic_async_events.outbox import stored
from ironic_async_events.task import database
from ironic_async_events.tests.unit.outbox import base


class StoreTestCase(base.OutboxTestCase):
    def setUp(self):
        super().setUp()
        self.news = mock.Mock(spec=[])

    def put(self, *ids, node='node'):
        for id in ids:
            store.put(base.make_message(id, node), self.news)

    def ids(self):
        return [row.message_id for row in self.rows()]

    def names(self, found):
        """Return the ids of messages that were read."""
        of = {row.id: row.message_id for row in self.rows()}
        return [of[row.id] for row in found]

    def test_what_is_stored_is_read_in_that_order(self):
        self.put('one', 'two', 'three')
        self.assertEqual(['one', 'two', 'three'], self.waiting())
        self.assertEqual(['one'], self.names(store.waiting(1)))

    def test_subjects_can_be_left_out(self):
        self.put('one', node='a')
        self.put('two', node='b')
        self.assertEqual(['two'], self.waiting({'a'}))

    def test_messages_are_read_by_number_while_they_wait(self):
        self.put('one', 'two', 'three')
        one, two, _ = self.rows()
        store.set_aside(two.id, 5, 'error')
        found = store.still_waiting([one.id, two.id, 77])
        self.assertEqual(['one'], self.names(found))

    def test_only_what_waits_is_set_aside(self):
        self.put('one')
        (row,) = self.rows()
        store.set_aside(row.id, 5, 'first')
        store.set_aside(row.id, 6, 'second')
        self.assertEqual('first', self.rows()[0].error)

    def refuse(self, *numbers, holder='me'):
        store.take_lease('me', 60)
        rows = self.rows()
        store.mark_refused([rows[number].id for number in numbers], holder)

    def waiting(self, *args, **more):
        return self.names(store.waiting(10, *args, **more))

    def test_what_was_refused_and_what_follows_is_not_read(self):
        self.put('one', node='a')
        self.put('two', node='b')
        self.put('three', node='a')
        self.put('four', node='c')
        self.refuse(0, 1)
        self.assertEqual(['four'], self.waiting())
        self.assertEqual(['four'], self.waiting(closed=['elsewhere']))
        one, _, three, _ = self.rows()
        # Confirmed, and not deleted yet.
        self.assertEqual(['three', 'four'], self.waiting((), [one.id]))
        self.assertEqual(['one', 'two'], self.names(store.refused(10)))
        self.assertEqual([], store.refused(10, self.rows()[1].id))
        self.assertEqual(2, store.backlog().refused)
        self.assertEqual(
            [one.id],
            [row.id for row in store.still_waiting([one.id, three.id])],
        )

    def test_what_is_older_than_what_was_refused_is_read(self):
        self.put('one', 'two', 'three')
        self.refuse(1)
        self.assertEqual(['one'], self.waiting())

    def test_only_the_leader_marks(self):
        self.put('one')
        self.refuse(0, holder='other')
        self.assertEqual([], store.refused(10))
        store.give_up_lease('me')
        store.mark_refused([self.rows()[0].id], 'me')
        self.assertEqual([], store.refused(10))

    def test_only_what_waits_is_marked(self):
        self.put('one')
        store.set_aside(self.rows()[0].id, 5, 'error')
        self.refuse(0)
        self.assertEqual(5, self.rows()[0].attempts)

    def test_destinations_can_be_left_out_and_the_order_stays(self):
        def put(id, node, priority):
            store.put(
                dataclasses.replace(
                    base.make_message(id, node), priority=priority
                ),
                self.news,
            )

        put('one', 'a', 'ERROR')
        put('two', 'a', 'INFO')
        put('three', 'b', 'INFO')
        put('four', 'b', 'INFO')
        self.assertEqual(['three'], self.waiting(closed=['error topic']))
        # The release before stores none.
        with self.engine.begin() as connection:
            connection.execute(schema.OUTBOX.update().values(destination=None))
        self.assertEqual(
            ['one', 'three'], self.waiting(closed=['error topic'])
        )
        self.assertEqual([], self.waiting(closed=['']))
        self.assertEqual({''}, {x.destination for x in store.waiting(10)})

    def test_the_destination_is_stored(self):
        self.put('one')
        self.assertEqual('info topic', store.waiting(10)[0].destination)

    def test_news_come_after_the_commit(self):
        with connection.writer():
            self.put('one')
            self.assertFalse(self.news.called)
        self.news.assert_called_once_with()

    def test_what_is_rolled_back_is_not_there_and_no_news(self):
        def fail():
            with connection.writer():
                self.put('one')
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail)
        self.assertEqual([], self.ids())
        self.assertFalse(self.news.called)

    def test_it_joins_the_transaction_of_ironic(self):
        node = db_utils.create_test_node(provision_state='available')

        def fail():
            with database.transaction():
                self.dbapi.update_node(node.id, {'provision_state': 'active'})
                self.put('one')
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail)
        self.assertEqual(
            'available', self.dbapi.get_node_by_id(node.id).provision_state
        )
        self.assertEqual([], self.ids())

    def test_confirmed_ones_are_deleted_others_stay(self):
        self.put('one', 'two', 'three')
        first, _, last = self.rows()
        store.delete([first.id, last.id])
        self.assertEqual(['two'], self.ids())

    def test_numbers_are_never_given_again(self):
        # As the migrations make it.
        for one in (schema.OUTBOX, schema.RELAY):
            one.drop(self.engine)
        schema.upgrade(self.engine)
        self.addCleanup(schema.drop, self.engine)
        self.put('one')
        (row,) = self.rows()
        store.delete([row.id])
        self.put('two')
        self.assertGreater(self.rows()[0].id, row.id)

    def test_one_that_is_set_aside_does_not_wait(self):
        self.put('one', 'two')
        row = self.rows()[0]
        store.set_aside(row.id, 5, 'x' * 1000)
        self.assertEqual(['two'], self.waiting())
        (found,) = store.list_set_aside()
        self.assertEqual(
            (row.id, 5, 'x' * 255),
            (
                found.id,
                found.attempts,
                found.error,
            ),
        )
        self.assertEqual(
            (1, 1), (store.backlog().count, store.backlog().set_aside)
        )

    def test_only_one_that_is_set_aside_is_tried_again(self):
        self.put('one', 'two')
        one, two = self.rows()
        store.set_aside(one.id, 5, 'error')
        self.assertEqual({one.id}, store.retry([one.id, two.id, 77]))
        self.assertEqual(['one', 'two'], self.waiting())
        self.assertEqual([], store.list_set_aside())

    def test_only_one_that_is_set_aside_is_purged(self):
        self.put('one', 'two')
        one, two = self.rows()
        store.set_aside(one.id, 5, 'error')
        self.assertEqual({one.id}, store.purge([one.id, two.id, 77]))
        self.assertEqual(['two'], self.ids())

    def test_the_backlog_is_counted_and_its_age_told(self):
        self.assertEqual(stored.Backlog(0, 0.0, 0), store.backlog())
        self.assertTrue(store.is_empty())
        self.put('one', 'two')
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                'UPDATE async_events_outbox SET stored_at = stored_at - 60'
            )
        found = store.backlog()
        self.assertEqual((2, 0), (found.count, found.set_aside))
        self.assertTrue(60 <= found.seconds < 70, found)
        self.assertFalse(store.is_empty())


class RepeatedTestCase(base.OutboxTestCase):
    def setUp(self):
        super().setUp()
        self.pauses = []
        self.useFixture(
            fixtures.MockPatch('tenacity.nap.time.sleep', self.pauses.append)
        )

    def test_what_stood_in_anothers_way_is_repeated(self):
        locked = sa_exc.OperationalError(
            'UPDATE', {}, Exception('database is locked')
        )
        attempt = mock.Mock(side_effect=[db_exc.DBDeadlock(), locked, 7])
        self.assertEqual(7, database.retried(attempt)())
        self.assertEqual(1, len(self.pauses))

    def test_other_errors_are_not(self):
        for error in (
            db_exc.DBConnectionError(),
            db_exc.DBDuplicateEntry(),
            sa_exc.OperationalError('', {}, Exception('no such table')),
            ValueError(),
        ):
            attempt = mock.Mock(spec=[], side_effect=error)
            self.assertRaises(type(error), database.retried(attempt))
            attempt.assert_called_once_with()


class OrderTestCase(base.OutboxTestCase):
    def test_what_other_servers_stored_before_has_a_lower_number(self):
        # A server of a Galera cluster counts on from what it has seen.
        self.config(mysql_wsrep_sync_wait=1, group='database')
        statements = []

        def note(conn, cursor, statement, *args):
            statements.append(statement.split()[0])

        event.listen(self.engine, 'before_cursor_execute', note)
        self.addCleanup(
            event.remove, self.engine, 'before_cursor_execute', note
        )
        store.put(base.make_message('one'), lambda: None)
        self.assertEqual(['BEGIN', 'SELECT', 'INSERT'], statements)


class MemoryTestCase(base.OutboxTestCase):
    def test_listeners_go_with_their_sessions(self):
        def listeners():
            gc.collect()
            return len(registry._key_to_collection)

        store.put(base.make_message('one'), lambda: None)
        before = listeners()
        for number in range(50):
            store.put(base.make_message(str(number)), lambda: None)
        self.assertLess(listeners(), before + 5)
