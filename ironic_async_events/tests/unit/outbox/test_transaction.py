# SPDX-License-Identifier: Apache-2.0
"""Tests of state and notification in one transaction, in every order."""

import contextlib
from unittest import mock

import fixtures
from ironic.common import exception
from ironic.common import states
from ironic.conductor import notification_utils
from ironic.objects import node as node_objects
from ironic.tests.unit.objects import utils as obj_utils
from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_messaging.notify import notifier
from sqlalchemy import event

from ironic_async_events import conf as async_conf
from ironic_async_events import exceptions
from ironic_async_events import patching
from ironic_async_events.outbox import message
from ironic_async_events.outbox import store
from ironic_async_events.outbox import transaction
from ironic_async_events.task import change
from ironic_async_events.task import database
from ironic_async_events.task import delivery
from ironic_async_events.task import drop_in
from ironic_async_events.task import manager
from ironic_async_events.tests.unit.outbox import base


class TransactionTestCase(base.OutboxTestCase):
    """A real task, a real notifier that found the driver by its name."""

    def setUp(self):
        super().setUp()
        async_conf.register(cfg.CONF)
        self.config(notification_level='info')
        self.addCleanup(patching.uninstall)
        self.useFixture(base.Notifier())
        self.node = obj_utils.create_test_node(
            self.context,
            driver='fake-hardware',
            provision_state=states.AVAILABLE,
            target_provision_state=states.NOSTATE,
        )

    def task(self):
        return drop_in.DropInTaskManager(
            self.context, self.node.uuid, load_driver=False
        )

    def stored_state(self):
        return self.dbapi.get_node_by_uuid(self.node.uuid).provision_state

    def notifications(self):
        found = []
        for row in self.rows():
            decoded = message.Message.decode(row.body)
            data = decoded.body['payload']['ironic_object.data']
            found.append(
                f'{data["previous_provision_state"]} -> '
                f'{data["provision_state"]}'
            )
        return found

    def commits(self, function):
        """Count the transactions that a function commits."""
        seen = []

        def note(connection):
            seen.append(connection)

        event.listen(self.engine, 'commit', note)
        try:
            function()
        finally:
            event.remove(self.engine, 'commit', note)
        return len(seen)

    def test_a_class_without_a_delivery_is_refused(self):
        class Site(manager.AsyncTaskManager.__base__):  # Ironic's own
            pass

        self.assertRaisesRegex(
            exceptions.TaskManagerNotLoaded,
            'must be a subclass of .*AsyncTaskManager',
            transaction.with_delivery,
            Site,
        )
        self.assertIs(
            drop_in.DropInTaskManager,
            transaction.with_delivery(drop_in.DropInTaskManager),
        )

    def test_the_driver_chooses_the_delivery(self):
        self.assertIs(transaction.in_one_transaction, delivery.current())

    def test_state_and_notification_are_stored(self):
        with self.task() as task:
            task.process_event('manage')
        self.assertEqual(states.MANAGEABLE, self.stored_state())
        self.assertEqual(['available -> manageable'], self.notifications())

    def test_what_is_stored_is_what_the_notifier_made(self):
        with self.task() as task:
            task.process_event('manage')
        (row,) = self.rows()
        found = message.Message.decode(row.body)
        self.assertEqual(['ironic_versioned_notifications'], found.topics)
        self.assertEqual('INFO', found.priority)
        self.assertEqual(row.message_id, found.body['message_id'])
        self.assertEqual(self.node.uuid, row.subject)
        self.assertEqual(
            'baremetal.node.provision_set.success', found.body['event_type']
        )

    def test_they_share_one_commit(self):
        task = self.task()
        together = self.commits(lambda: task.process_event('manage'))
        before = delivery.use(delivery.save_then_announce)
        self.useFixture(
            fixtures.MockPatchObject(
                notification_utils, 'emit_provision_set_notification'
            )
        )
        alone = self.commits(lambda: task.process_event('provide'))
        delivery.use(before)
        task.release_resources()
        self.assertEqual(alone, together)

    def test_an_error_of_the_database_fails_the_transition(self):
        with (
            mock.patch.object(
                store, 'put', autospec=True, side_effect=db_exc.DBError('full')
            ),
            self.task() as task,
        ):
            self.assertRaises(db_exc.DBError, task.process_event, 'manage')
            self.assertEqual(states.AVAILABLE, task.node.provision_state)
            self.assertEqual({}, task.node.obj_get_changes())
        self.assertEqual(states.AVAILABLE, self.stored_state())
        self.assertEqual([], self.notifications())

    def test_without_the_table_the_transition_fails(self):
        with self.engine.begin() as connection:
            connection.exec_driver_sql('DROP TABLE async_events_outbox')
        with self.task() as task:
            self.assertRaisesRegex(
                db_exc.DBError,
                'NonExistentTable',
                task.process_event,
                'manage',
            )
        self.assertEqual(states.AVAILABLE, self.stored_state())

    def test_a_payload_that_cannot_be_built_fails_nothing(self):
        with mock.patch.object(
            node_objects,
            'NodeSetProvisionStatePayload',
            autospec=True,
            side_effect=exception.NotificationPayloadError(class_name='x'),
        ) as payload:
            payload.__name__ = 'NodeSetProvisionStatePayload'
            with self.task() as task:
                task.process_event('manage')
        self.assertEqual(states.MANAGEABLE, self.stored_state())
        self.assertEqual([], self.notifications())

    def test_a_message_that_is_no_json_fails_nothing(self):
        with (
            mock.patch.object(
                message.Message, 'encode', autospec=True, side_effect=TypeError
            ),
            self.task() as task,
        ):
            task.process_event('manage')
        self.assertEqual(states.MANAGEABLE, self.stored_state())

    def test_without_notifications_the_state_is_saved(self):
        self.config(notification_level='error')
        with self.task() as task:
            task.process_event('manage')
        self.assertEqual(states.MANAGEABLE, self.stored_state())
        self.assertEqual([], self.notifications())

    def test_a_deadlock_repeats_the_whole(self):
        self.useFixture(
            fixtures.MockPatch('tenacity.nap.time.sleep', lambda s: None)
        )
        put = store.put
        failures = [db_exc.DBDeadlock(), db_exc.DBDeadlock()]

        def sometimes(*args):
            put(*args)
            if failures:
                raise failures.pop()

        with (
            mock.patch.object(
                store, 'put', autospec=True, side_effect=sometimes
            ),
            self.task() as task,
        ):
            task.node.extra = {'changed': 'by the caller'}
            task.process_event('manage')
        self.assertEqual(states.MANAGEABLE, self.stored_state())
        self.assertEqual(['available -> manageable'], self.notifications())
        node = self.dbapi.get_node_by_uuid(self.node.uuid)
        self.assertEqual({'changed': 'by the caller'}, node.extra)

    def test_a_conflict_that_is_retried_is_no_error_in_the_log(self):
        log = self.useFixture(
            fixtures.MockPatchObject(notifier, '_LOG', autospec=True)
        ).mock
        self.useFixture(
            fixtures.MockPatch('tenacity.nap.time.sleep', lambda s: None)
        )
        put = store.put
        errors = [db_exc.DBDeadlock()]

        def conflict(*args):
            if errors:
                raise errors.pop()
            put(*args)

        with (
            mock.patch.object(
                store, 'put', autospec=True, side_effect=conflict
            ),
            self.task() as task,
        ):
            task.process_event('manage')
        self.assertEqual(['available -> manageable'], self.notifications())
        self.assertFalse(log.exception.called)

    def test_what_the_caller_changed_is_not_lost_with_the_transition(self):
        with (
            mock.patch.object(
                store, 'put', autospec=True, side_effect=db_exc.DBError('full')
            ),
            self.task() as task,
        ):
            task.node.extra = {'changed': 'by the caller'}
            self.assertRaises(db_exc.DBError, task.process_event, 'manage')
            self.assertIn('extra', task.node.obj_what_changed())
            task.node.save()
        node = self.dbapi.get_node_by_uuid(self.node.uuid)
        self.assertEqual({'changed': 'by the caller'}, node.extra)
        self.assertEqual(states.AVAILABLE, node.provision_state)

    def losing_the_first_answer(self):
        """Make the first transaction raise after its commit."""
        real = database.transaction
        opened = []

        @contextlib.contextmanager
        def cut():
            opened.append(self)
            outermost = len(opened) == 1
            with real() as session:
                yield session
            if outermost:
                raise db_exc.DBConnectionError('gone')

        return mock.patch.object(database, 'transaction', cut)

    def test_the_answer_to_the_commit_may_be_lost(self):
        with self.task() as task, self.losing_the_first_answer():
            task.process_event('manage')
            self.assertEqual(states.MANAGEABLE, task.node.provision_state)
        self.assertEqual(states.MANAGEABLE, self.stored_state())
        self.assertEqual(['available -> manageable'], self.notifications())

    def test_a_worker_that_never_got_the_answer_stores_nothing_twice(self):
        self.useFixture(
            fixtures.MockPatch('tenacity.nap.time.sleep', lambda s: None)
        )
        self.config(db_max_retries=1, group='database')
        moved = obj_utils.get_test_node(
            self.context,
            id=self.node.id,
            uuid=self.node.uuid,
            provision_state=states.MANAGEABLE,
        )
        gone = db_exc.DBConnectionError('gone')
        with (
            self.task() as task,
            self.losing_the_first_answer(),
            mock.patch.object(
                change.StateChange,
                '_stored',
                autospec=True,
                side_effect=[gone, gone, moved],
            ),
        ):
            # A worker: no client waits for its answer.
            task._spawn_method = self.task
            task.process_event('manage')
            task._spawn_method = None
        self.assertEqual(['available -> manageable'], self.notifications())

    def test_other_notifications_are_stored_as_well(self):
        with self.task() as task:
            notification_utils.emit_power_set_notification(
                task, 'info', 'end', states.POWER_ON
            )
        (row,) = self.rows()
        self.assertIn('power_set', row.body)

    def test_an_error_of_the_database_there_is_swallowed_as_on_stock(self):
        with (
            mock.patch.object(
                store, 'put', autospec=True, side_effect=db_exc.DBError('full')
            ),
            self.task() as task,
        ):
            notification_utils.emit_power_set_notification(
                task, 'info', 'end', states.POWER_ON
            )
        self.assertEqual([], self.rows())
