# SPDX-License-Identifier: Apache-2.0
"""A conductor is killed between accepting a request and starting its work.

The moment is not left to chance: the worker stops where it is to be killed.
"""

from ironic_async_events.tests.functional import base
from laboratory import kill
from laboratory import run

# What the thread of the request saves itself, the worker's start aside: a
# deploy's image and steps, a rescue's password. And the lock.
SAVED_BEFORE = {
    'driver_internal_info',
    'instance_info',
    'reservation',
    'updated_at',
}
STATES = ('provision_state', 'target_provision_state')


class KilledBeforeTheStart(base.FunctionalTestCase):
    """A request whose work never began leaves no trace in the state."""

    def check(self, wanted: run.Run) -> None:
        """Kill a service and assert that nothing had happened."""
        running = self.start(wanted)
        killed = kill.kill(running)
        for one in killed:
            name = str(one.operation)
            # The caller was never told that it was accepted.
            self.assertIsNone(one.answer, name)
            self.assertEqual(0, one.changes, name)
            for field in STATES:
                self.assertEqual(one.before[field], one.after[field], name)
                self.assertEqual(one.before[field], one.restarted[field], name)
            self.assertEqual(set(), set(one.different) - SAVED_BEFORE, name)
            # The killed conductor held the lock; its successor gave it back.
            self.assertEqual('laboratory', one.after['reservation'], name)
            self.assertIsNone(one.restarted['reservation'], name)
            self.assertEqual(one.operation.end, one.ended, name)
        running.ironic.stop()
        self.assertEqual([], list(running.account().rows))

    def test_nodes_can_be_operated_after_a_restart_on_sqlite(self):
        self.check(run.Run(plugin=True, options=kill.OPTIONS))

    def test_nodes_can_be_operated_after_a_restart_on_mariadb(self):
        self.check(run.Run(plugin=True, mariadb=True, options=kill.OPTIONS))
