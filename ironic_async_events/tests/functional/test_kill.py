# SPDX-License-Identifier: Apache-2.0
"""A conductor is killed between accepting a request and starting its work.

The moment is not left to chance: the worker stops where it is to be killed.
"""

import concurrent.futures
import os
import signal

from ironic_async_events.tests.functional import base
from laboratory import clients
from laboratory import deployment
from laboratory import lifecycle
from laboratory.api import Api

OPTIONS = {
    'async_events': {
        'task_manager': 'stopped_before_save',
        # The requests shall still wait for their workers when it happens.
        'start_timeout': 600,
    }
}
_ACTIVE = ('manage', 'adopt')
# What brings a node to where the operation starts, and the operation. No more
# of them than the API has threads, since each request keeps one waiting.
CASES = (
    ((), 'manage'),
    (('manage',), 'inspect'),
    (('manage',), 'clean'),
    (('manage', 'provide'), 'active'),
    (_ACTIVE, 'rebuild'),
    (_ACTIVE, 'rescue'),
    ((*_ACTIVE, 'rescue'), 'unrescue'),
    (_ACTIVE, 'service'),
    (_ACTIVE, 'deleted'),
)
# What the thread of the request saves itself, the worker's start aside: a
# deploy's image and steps, a rescue's password. And the lock.
SAVED_BEFORE = {
    'driver_internal_info',
    'instance_info',
    'reservation',
    'updated_at',
}
STATES = ('provision_state', 'target_provision_state')
_SECONDS = 60.0


def rows(running: deployment.Bench) -> dict[str, dict]:
    """Read all nodes as they are stored."""
    found = running.eye.query('SELECT * FROM nodes')
    return {row.uuid: dict(row._mapping) for row in found}


class KilledBeforeTheStart(base.FunctionalTestCase):
    """A request whose work never began leaves no trace in the state."""

    def kill(self, running: deployment.Bench, work) -> list[int]:
        """Send requests, and kill the service when all workers have stopped.

        :returns: the codes of the answers; 0 where there was none.
        """
        ironic = running.ironic

        def ask(node, operation):
            return Api(ironic.endpoint, timeout=2 * _SECONDS).call(
                'PUT',
                f'/v1/nodes/{node.id}/states/provision',
                {'target': operation.verb, **operation.arguments},
            )

        with concurrent.futures.ThreadPoolExecutor(len(work)) as executor:
            (ironic.directory / 'armed').touch()
            answers = [executor.submit(ask, *one) for one in work]
            try:
                ironic.running[0].require(
                    lambda: (
                        len(list(ironic.directory.glob('stopped-*')))
                        == len(work)
                        or any(one.done() for one in answers)
                    ),
                    _SECONDS,
                    'stop before it saves',
                )
                # Nobody was answered before the workers.
                self.assertEqual([], [x.result() for x in answers if x.done()])
            finally:
                # Without this, nobody would answer the requests.
                os.killpg(ironic.running[0].pid, signal.SIGKILL)
                ironic.stop()
        return [one.result()[0] for one in answers]

    def check(self, wanted: deployment.Run) -> None:
        """Kill a service and assert that nothing had happened."""
        running = self.start(wanted)
        ironic = running.ironic
        client = clients.Client(ironic.endpoint)
        work = [
            (client.lead(*path), lifecycle.operation(name))
            for path, name in CASES
        ]
        before = rows(running)
        seen = running.eye.read()[-1].id
        # The callers were never told that they were accepted.
        self.assertEqual([0] * len(work), self.kill(running, work))
        killed = rows(running)
        del ironic.options['async_events']
        ironic.start()
        restarted = rows(running)
        self.assertEqual([], running.eye.read(seen))
        for node, operation in work:
            name, row = str(operation), before[node.id]
            changed = {x for x in row if row[x] != killed[node.id][x]}
            self.assertEqual(set(), changed - SAVED_BEFORE, name)
            for field in STATES:
                self.assertEqual(row[field], restarted[node.id][field], name)
            # The killed conductor held the lock; its successor gave it back.
            self.assertEqual(
                'laboratory', killed[node.id]['reservation'], name
            )
            self.assertIsNone(restarted[node.id]['reservation'], name)
            node.fetch(clients.connect(ironic.endpoint).baremetal)
            client.operate(node, operation)
            self.assertEqual(operation.end, node.provision_state, name)
        ironic.stop()
        self.assertEqual([], list(running.account().rows))

    def test_nodes_can_be_operated_after_a_restart_on_sqlite(self):
        self.check(deployment.Run(plugin=True, options=OPTIONS))

    def test_nodes_can_be_operated_after_a_restart_on_mariadb(self):
        self.check(deployment.Run(plugin=True, mariadb=True, options=OPTIONS))
