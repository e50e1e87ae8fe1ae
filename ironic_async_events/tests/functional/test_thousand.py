# SPDX-License-Identifier: Apache-2.0
"""What becomes of the notifications of a thousand operations.

``tox -e thousand`` runs them.
"""

from ironic_async_events.tests.functional import base
from laboratory import deployment
from laboratory import lifecycle

# Lives that make at least a thousand operations with all clients.
CYCLES = -(-1000 // (base.CLIENTS * len(lifecycle.LIFE)))


class OnSqlite(base.MeasuredTestCase):
    wanted = deployment.Run(plugin=True, clients=base.CLIENTS, cycles=CYCLES)

    def test_nothing_is_lost_or_misplaced(self):
        self.assertGreaterEqual(self.result.operations, 1000)
        self.assert_clean()


class OnMariaDBOverRabbitMQ(OnSqlite):
    wanted = deployment.Run(
        plugin=True,
        mariadb=True,
        rabbitmq=True,
        clients=base.CLIENTS,
        cycles=CYCLES,
    )
