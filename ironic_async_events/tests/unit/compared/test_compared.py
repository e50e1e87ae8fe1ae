# SPDX-License-Identifier: Apache-2.0
"""What the plugin does in Ironic's place is as good as what Ironic does.

On SQLite; ``python -m laboratory.compared`` runs the same on other databases.
"""

import os
import unittest

import ddt
from ironic.tests.unit.db import base as db_base
from oslo_db.sqlalchemy import enginefacade

from ironic_async_events.tests.unit import fixtures as async_fixtures
from ironic_async_events.tests.unit.compared import bench
from ironic_async_events.tests.unit.compared import calls
from ironic_async_events.tests.unit.compared import saves
from ironic_async_events.tests.unit.compared import troubles
from ironic_async_events.tests.unit.spawn_failures import base
from laboratory.faults import database

# Set by ``laboratory.compared``: the database, and another server of its
# cluster.
URL = os.environ.get('COMPARED_DATABASE')
AHEAD = os.environ.get('COMPARED_AHEAD')
BASIC = [call for call in calls.CALLS if not call.varies]
UNLOCKING = [call for call in BASIC if call.name in ('unlock', 'downgrade')]


@ddt.ddt
class ComparedTestCase(db_base.DbTestCase):
    """Each call in each trouble, of stock and with the plugin."""

    def setUp(self):
        super().setUp()
        if URL:
            options = {'mysql_wsrep_sync_wait': 1} if AHEAD else {}
            self.config(connection=URL, **options, group='database')
            self.useFixture(bench.Served(URL, **options))
        else:
            self.useFixture(base.FileDatabase())
        self.useFixture(async_fixtures.Options())
        self.useFixture(database.Deadlocks())
        # As in production; Ironic's fixture switches it off.
        self.config(sqlite_retries=True, group='database')
        self.config(host=calls.HOST)
        self.bench = bench.Bench(
            self.context, enginefacade.writer.get_engine(), AHEAD
        )
        self.addCleanup(self.bench.engine.dispose)

    def assert_as_good(self, rows, several=BASIC):
        """Compare calls in the troubles that ``rows`` returns."""
        lines = [
            line
            for call in several
            for line in self.bench.compare(call, rows())
        ]
        self.assertEqual([], lines, '\n'.join(['', *lines]))

    @ddt.data(*saves.CHANGES)
    def test_each_transition_is_saved_as_by_ironic(self, changed):
        several = [*saves.saves(changed)]
        if changed != 'nothing':
            several += saves.saves(changed, saves.SOME[1])
        lines = self.bench.compare_all(several)
        self.assertEqual([], lines, '\n'.join(['', *lines]))
        # By one UPDATE, where Ironic checks nothing.
        short = 0 if changed in saves.CHECKED else len(several)
        self.assertEqual(short, self.bench.short)

    def test_saves_in_troubles(self):
        for row in saves.TROUBLES:
            for changed in saves.CHANGES:
                several = saves.saves(changed, *saves.SOME)
                lines = self.bench.compare_all(several, row)
                self.assertEqual([], lines, '\n'.join(['', *lines]))

    def test_no_trouble(self):
        self.assert_as_good(lambda: [troubles.NONE], calls.CALLS)

    @ddt.data(*BASIC)
    def test_faults(self, call):
        lines = self.bench.compare_faults(call)
        self.assertEqual([], lines, '\n'.join(['', *lines]))

    def test_another_client_writes(self):
        self.assert_as_good(troubles.busy, calls.CALLS)

    @ddt.data(*(c for c in calls.CALLS if c.layers))
    def test_wrappers(self, call):
        self.assert_as_good(lambda: troubles.wrappers(call.layers), [call])

    def test_listeners(self):
        self.assert_as_good(troubles.listeners)

    def test_a_second_writer(self):
        self.assert_as_good(troubles.writers)

    def test_a_request_that_hangs(self):
        self.assert_as_good(lambda: [troubles.HANGING], UNLOCKING)

    @unittest.skipUnless(AHEAD, 'needs a server that lags')
    def test_a_server_that_lags(self):
        self.assert_as_good(troubles.late)
