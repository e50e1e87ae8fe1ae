# SPDX-License-Identifier: Apache-2.0
"""Tests of what a conductor says of the configuration around the outbox."""

import logging
from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_db import options
import oslo_messaging
from oslotest import base
import sqlalchemy as sa
from stevedore import extension

from ironic_async_events.outbox import advice
from ironic_async_events.outbox import connection
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import service
from ironic_async_events.tests.unit.outbox import base as outbox_base

GROUP = 'oslo_messaging_notifications'


class AdviceTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        self.conf([])
        # As a service does it.
        self.transport = oslo_messaging.get_notification_transport(
            self.conf, url='fake:/'
        )
        self.addCleanup(self.transport.cleanup)

    def configure(self, drivers=(), url=None, rpc_url='rabbit://'):
        self.conf.set_override('driver', list(drivers), group=GROUP)
        self.conf.set_override('transport_url', url, group=GROUP)
        self.conf.set_override('transport_url', rpc_url)

    def test_every_driver_of_oslo_messaging_is_judged(self):
        known = extension.ExtensionManager('oslo.messaging.drivers').names()
        self.assertEqual(set(), set(known) - set(advice.CONFIRMS))

    def test_a_bus_that_confirms_is_fine(self):
        for url in ('rabbit://', 'rabbit+ssl://u:p@h/', 'kombu://', 'amqp://'):
            self.configure(url=url)
            self.assertIsNone(advice.transport(self.conf), url)

    def test_the_transport_of_rpc_counts_where_there_is_no_other(self):
        self.configure(url=None, rpc_url='kafka://')
        self.assertIn('kafka://', advice.transport(self.conf).text)
        self.configure(url='rabbit://', rpc_url='kafka://')
        self.assertIsNone(advice.transport(self.conf))

    def test_a_driver_of_somebody_else_is_not_judged(self):
        self.configure(url='pigeon://')
        self.assertIn('not known', advice.transport(self.conf).text)

    def test_drivers_that_do_not_publish_are_fine(self):
        self.configure(
            drivers=(
                'async_events_outbox',
                'async_events',
                'noop',
                'log',
                'test',
                'prometheus_exporter',
            )
        )
        self.assertIsNone(advice.beside(self.conf))


def answering(name, value):
    """A MySQL server, or one of its kin, that has a variable or lacks it."""
    engine = mock.create_autospec(sa.Engine, instance=True)
    engine.dialect = mock.Mock()
    engine.dialect.name = name
    connection = engine.connect.return_value.__enter__.return_value
    connection.exec_driver_sql.return_value.first.return_value = (
        ('wsrep_on', value) if value else None
    )
    return engine


class GaleraTestCase(base.BaseTestCase):
    def judge(self, engine, sync_wait):
        conf = cfg.ConfigOpts()
        conf.register_opts(options.database_opts, group='database')
        conf([])
        conf.set_override('mysql_wsrep_sync_wait', sync_wait, group='database')
        return advice.galera(conf, engine)

    def test_reads_that_do_not_wait_are_a_warning(self):
        # 6 is for statements that write: reads do not wait.
        for sync_wait in (None, 0, 6):
            concern = self.judge(answering('mysql', 'ON'), sync_wait)
            self.assertEqual(logging.WARNING, concern.level)
            self.assertIn('[database] mysql_wsrep_sync_wait = 1', concern.text)
            self.assertNotIn('\n', concern.text)

    def test_reads_that_wait_are_fine(self):
        for sync_wait in (1, 3, 7):
            self.assertIsNone(self.judge(answering('mysql', 'ON'), sync_wait))

    def test_a_server_that_is_not_of_galera_is_fine(self):
        for value in ('OFF', None):
            self.assertIsNone(self.judge(answering('mysql', value), None))

    def test_only_mysql_and_its_kin_are_asked(self):
        for name in ('sqlite', 'postgresql'):
            engine = answering(name, 'ON')
            self.assertIsNone(self.judge(engine, None))
            engine.connect.assert_not_called()


class StartTestCase(outbox_base.OutboxTestCase):
    """What the log of a conductor says when it starts."""

    def start(self, url, *drivers):
        """Start a conductor, and return what it says of the outbox."""
        log = self.useFixture(outbox_base.Log())
        oslo_messaging.get_notification_transport(
            cfg.CONF, url='fake:/'
        ).cleanup()
        for name, value in (
            ('driver', ['async_events_outbox', *drivers]),
            ('transport_url', url),
        ):
            cfg.CONF.set_override(name, value, group=GROUP)
            self.addCleanup(cfg.CONF.clear_override, name, group=GROUP)
        for owner, name, value in (
            (service, '_transport', object()),
            (service, '_thread', object()),
            (schema, 'check', lambda engine: None),
        ):
            self.useFixture(fixtures.MockPatchObject(owner, name, value))
        self.assertEqual('started', service.started(lambda: 'started')())
        return log.lines('ironic-async-events: ')

    def test_a_bus_that_confirms_nothing_is_one_warning(self):
        for url in ('kafka://user:secret@host:9092/', 'fake:/'):
            (line,) = self.start(url)
            self.assertIn('does not confirm', line)
            self.assertIn(f'[{GROUP}] transport_url', line)
            self.assertNotIn('secret', line)

    def test_a_second_publisher_is_one_error(self):
        (line,) = self.start('rabbit://', 'messagingv2')
        self.assertIn('a second time', line)
        self.assertIn(f'[{GROUP}] driver = messagingv2', line)

    def test_a_router_is_one_warning(self):
        (line,) = self.start('rabbit://', 'routing')
        self.assertIn('routing', line)

    def test_galera_whose_reads_do_not_wait_is_one_warning(self):
        self.useFixture(
            fixtures.MockPatchObject(
                connection, 'engine', lambda: answering('mysql', 'ON')
            )
        )
        (line,) = self.start('rabbit://')
        self.assertIn('[database] mysql_wsrep_sync_wait = 1', line)

    def test_a_good_configuration_needs_no_word(self):
        self.assertEqual([], self.start('rabbit://', 'log'))
