# SPDX-License-Identifier: Apache-2.0
"""Tests of what a conductor says of the configuration around the outbox."""

import fixtures
from oslo_config import cfg
import oslo_messaging
from oslotest import base
from stevedore import extension

from ironic_async_events.outbox import advice
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
            (service, '_start', lambda: None),
            (schema, 'check', lambda engine: None),
        ):
            self.useFixture(fixtures.MockPatchObject(owner, name, value))
        self.assertEqual('started', service.started(lambda: 'started')())
        return log.lines('outbox')

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

    def test_a_good_configuration_needs_no_word(self):
        self.assertEqual([], self.start('rabbit://', 'log'))
