# SPDX-License-Identifier: Apache-2.0
"""Services that were told to use the outbox, and lack what it needs."""

from ironic_async_events.tests.functional import base
from laboratory import processes
from laboratory import service

OPTIONS = {'oslo_messaging_notifications': {'driver': ['async_events_outbox']}}
HINT = 'create them with "ironic-async-events-dbsync upgrade"'


class WithoutTables(base.FunctionalTestCase):
    """They end with one clear line."""

    def ironic(self, *, split):
        """Configure an Ironic whose database has only Ironic's tables."""
        found = service.Ironic(
            self.useFixture(base.Directory()).path,
            plugin=True,
            split=split,
            options=OPTIONS,
        )
        found.create_schema()
        return found

    def assert_refused(self, name, *, split):
        """Start a command and assert that it ends and says why."""
        part = self.ironic(split=split).part(name)
        with part.start():
            processes.wait_for(lambda: part.returncode is not None, 60)
            log = part.log.read_text()
            self.assertNotIn(part.returncode, (None, 0), log)
        self.assertIn(HINT, log)
        self.assertNotIn('Traceback', log)
        self.assertNotIn('Created RPC server', log)

    def test_the_conductor(self):
        self.assert_refused('ironic-conductor', split=True)

    def test_the_api(self):
        self.assert_refused('ironic-api', split=True)

    def test_all_in_one(self):
        self.assert_refused('ironic', split=False)

    def test_ironic_dbsync_runs_before_and_after(self):
        ironic = self.ironic(split=False)
        for name, command in (
            ('ironic-async-events-dbsync', 'upgrade'),
            ('ironic-dbsync', 'upgrade'),
            ('ironic-dbsync', 'version'),
            ('ironic-async-events-dbsync', 'drop'),
            ('ironic-dbsync', 'upgrade'),
        ):
            self.assert_runs(ironic.part(name, [command]))

    def assert_runs(self, part):
        """Run a command to its end and assert that it was a good one."""
        with part.start():
            processes.wait_for(lambda: part.returncode is not None, 60)
            self.assertEqual(0, part.returncode, part.log.read_text())


class WithoutConfirmation(base.FunctionalTestCase):
    """A conductor says what its configuration takes from the outbox."""

    def test_one_line_for_each(self):
        drivers = ['async_events_outbox', 'messagingv2']
        ironic = service.Ironic(
            self.useFixture(base.Directory()).path,
            plugin=True,
            options={'oslo_messaging_notifications': {'driver': drivers}},
        )
        ironic.create_schema()
        ironic.run_once('ironic-async-events-dbsync', 'upgrade')
        with ironic:
            log = ironic.log('ironic').read_text()
        for level, text in (
            ('WARNING', 'fake:// does not confirm'),
            ('ERROR', 'messagingv2 beside async_events_outbox'),
        ):
            (line,) = [x for x in log.splitlines() if text in x]
            self.assertIn(level, line)
