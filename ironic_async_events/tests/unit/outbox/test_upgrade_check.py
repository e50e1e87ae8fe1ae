# SPDX-License-Identifier: Apache-2.0
"""Tests of what the upgrade check says of the outbox."""

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from ironic_async_events.command import status
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import table
from ironic_async_events.tests.unit.outbox import base

GROUP = 'oslo_messaging_notifications'


class UpgradeCheckTestCase(base.OutboxTestCase):
    def check(self, *drivers):
        status.register(cfg.CONF)
        cfg.CONF.set_override('driver', list(drivers), group=GROUP)
        self.addCleanup(cfg.CONF.clear_override, 'driver', group=GROUP)
        return status.Checks()._check_outbox()

    def test_without_the_outbox_there_is_nothing_to_check(self):
        found = self.check('messagingv2', 'async_events')
        self.assertEqual(upgradecheck.Code.SUCCESS, found.code)

    def test_without_tables_the_services_would_not_start(self):
        found = self.check('async_events_outbox')
        self.assertEqual(upgradecheck.Code.FAILURE, found.code)
        self.assertIn('ironic-async-events-dbsync upgrade', found.details)

    def test_with_tables_all_is_well(self):
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                f'CREATE TABLE {table.VERSION_TABLE} (version_num TEXT)'
            )
            connection.exec_driver_sql(
                f'INSERT INTO {table.VERSION_TABLE} '
                f"VALUES ('{schema.VERSIONS[-1]}')"
            )
        found = self.check('async_events_outbox')
        self.assertEqual(upgradecheck.Code.SUCCESS, found.code)

    def test_a_second_publisher_is_noticed(self):
        found = self.check('messagingv2', 'async_events_outbox')
        self.assertEqual(upgradecheck.Code.WARNING, found.code)
        self.assertIn('a second time', found.details)
