# SPDX-License-Identifier: Apache-2.0
"""What becomes of the notifications of a thousand operations."""

from ironic_async_events.guarantees import I1
from ironic_async_events.guarantees import I2
from ironic_async_events.guarantees import I4
from ironic_async_events.tests.functional import base
from laboratory import lifecycle
from laboratory import run

# Lives that make at least a thousand operations with all clients.
CYCLES = -(-1000 // (base.CLIENTS * len(lifecycle.LIFE)))


class WithThePlugin(base.FunctionalTestCase):
    """The workers announce what they saved, each change once, in order."""

    def assert_clean(self, result: run.Result) -> None:
        """Assert that nothing at all is wrong with a run."""
        self.assertGreaterEqual(result.operations, 1000)
        self.assertEqual(result.run.total, result.operations)
        account = result.account
        # Every operation of the life changes the state at least once.
        self.assertGreater(account.expected, result.operations)
        self.assertEqual([], list(account.rows)[:10], I1)
        self.assertEqual(account.expected, account.in_order, I2)
        self.assertEqual(account.expected, account.received, I1)
        self.assertEqual([], result.malformed[:10])
        self.assertEqual([], list(result.get_violations)[:10], I4)

    def test_nothing_is_lost_or_misplaced_on_sqlite(self):
        self.assert_clean(
            self.measure(
                run.Run(plugin=True, clients=base.CLIENTS, cycles=CYCLES)
            )
        )

    def test_nothing_is_lost_or_misplaced_on_mariadb_over_rabbitmq(self):
        self.assert_clean(
            self.measure(
                run.Run(
                    plugin=True,
                    mariadb=True,
                    rabbitmq=True,
                    clients=base.CLIENTS,
                    cycles=CYCLES,
                )
            )
        )


class OnStock(base.FunctionalTestCase):
    """The same measuring finds what stock Ironic loses.

    Were nothing found here, nothing found above would mean nothing.
    """

    def test_notifications_are_lost_on_sqlite(self):
        result = self.measure(run.Run(plugin=False, clients=base.CLIENTS))
        self.assertEqual(result.run.total, result.operations)
        self.assertGreater(result.account.lost, 0)

    def test_notifications_are_lost_on_mariadb_over_rabbitmq(self):
        result = self.measure(
            run.Run(
                plugin=False,
                mariadb=True,
                rabbitmq=True,
                clients=base.CLIENTS,
            )
        )
        self.assertEqual(result.run.total, result.operations)
        self.assertGreater(result.account.lost, 0)
