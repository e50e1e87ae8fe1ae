# SPDX-License-Identifier: Apache-2.0
"""Tests of what the upgrade check says of the outbox."""

import logging

import fixtures
from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from ironic_async_events.command import checks
from ironic_async_events.command import status
from ironic_async_events.outbox import advice
from ironic_async_events.outbox import schema
from ironic_async_events.tests.unit.outbox import base

GROUP = 'oslo_messaging_notifications'
TABLES = 'Outbox has its tables'
ALONE = 'Outbox publishes alone'
CONFIRMS = 'Bus confirms messages'
READS = 'Database reads what was committed'
TITLES = (TABLES, ALONE, CONFIRMS, READS)
CONCERN = advice.Concern(logging.WARNING, 'what to set')


class UpgradeCheckTestCase(base.OutboxTestCase):
    def setUp(self):
        super().setUp()
        status.register(cfg.CONF)

    def configure(self, *drivers, transport='rabbit://guest@host/'):
        for name, value in (
            ('driver', list(drivers)),
            ('transport_url', transport),
        ):
            cfg.CONF.set_override(name, value, group=GROUP)
            self.addCleanup(cfg.CONF.clear_override, name, group=GROUP)

    def check(self, title, *drivers, **options):
        """Run the check of a title with some notification drivers."""
        self.configure(*drivers, **options)
        found = checks.Checks()
        return dict(found._upgrade_checks)[title](found)

    def test_without_the_outbox_there_is_nothing_to_check(self):
        for title in TITLES:
            found = self.check(
                title, 'messagingv2', 'async_events', transport='fake:/'
            )
            self.assertEqual(upgradecheck.Code.SUCCESS, found.code, title)

    def test_without_tables_the_services_would_not_start(self):
        for beside in ((), ('messagingv2',), ('log', 'noop')):
            found = self.check(TABLES, 'async_events_outbox', *beside)
            self.assertEqual(upgradecheck.Code.FAILURE, found.code)
            self.assertIn('ironic-async-events-dbsync upgrade', found.details)

    def test_with_tables_all_is_well(self):
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                f'CREATE TABLE {schema.VERSION_TABLE} (version_num TEXT)'
            )
            connection.exec_driver_sql(
                f'INSERT INTO {schema.VERSION_TABLE} '
                f"VALUES ('{schema.VERSIONS[-1]}')"
            )
        for title in TITLES:
            found = self.check(title, 'async_events_outbox', 'log')
            self.assertEqual(
                upgradecheck.Code.SUCCESS, found.code, found.details
            )

    def test_galera_whose_reads_do_not_wait_is_a_warning(self):
        self.useFixture(
            fixtures.MockPatchObject(
                advice, 'galera', lambda conf, engine: CONCERN
            )
        )
        # With the outbox and without.
        for url, code in (
            ('sqlite://', upgradecheck.Code.SUCCESS),
            ('mysql+pymysql://u:p@host/ironic', upgradecheck.Code.WARNING),
        ):
            self.database(url)
            for driver in ('async_events_outbox', 'async_events'):
                self.assertEqual(code, self.check(READS, driver).code)

    def test_a_server_that_is_away_is_not_judged(self):
        self.database('mysql+pymysql://u:s3cret@127.0.0.1:1/ironic')
        found = self.check(READS, 'async_events')
        self.assertEqual(upgradecheck.Code.WARNING, found.code)
        self.assertIn("Can't connect", found.details)
        self.assertNotIn('s3cret', found.details)

    def database(self, url):
        cfg.CONF.set_override('connection', url, group='database')
        self.addCleanup(
            cfg.CONF.clear_override, 'connection', group='database'
        )

    def test_a_second_publisher_breaks_what_the_outbox_promises(self):
        for name in ('messaging', 'messagingv2'):
            found = self.check(ALONE, name, 'async_events_outbox')
            self.assertEqual(upgradecheck.Code.FAILURE, found.code)
            self.assertIn('a second time', found.details)
            self.assertIn(f'[{GROUP}] driver = {name}', found.details)

    def test_a_router_may_be_a_second_publisher(self):
        found = self.check(ALONE, 'routing', 'async_events_outbox')
        self.assertEqual(upgradecheck.Code.WARNING, found.code)
        self.assertIn('routing', found.details)

    def test_a_bus_that_confirms_nothing_is_a_warning(self):
        for url in (
            'kafka://',
            'kafka://host:9092/',
            'kafka+ssl://user:secret@one:9092,user:secret@two:9092/',
            'fake:/',
            'fake://',
        ):
            found = self.check(CONFIRMS, 'async_events_outbox', transport=url)
            self.assertEqual(upgradecheck.Code.WARNING, found.code, url)
            self.assertIn('transport_url', found.details)
            self.assertNotIn('secret', found.details)

    def test_a_transport_url_that_cannot_be_read_is_a_failure(self):
        found = self.check(
            CONFIRMS, 'async_events_outbox', transport='//user:secret@host'
        )
        self.assertEqual(upgradecheck.Code.FAILURE, found.code)
        self.assertIn('transport_url', found.details)
        self.assertNotIn('secret', found.details)
