# SPDX-License-Identifier: Apache-2.0
"""What becomes of the notifications of whole lives.

A thousand operations on each set-up: :mod:`.test_thousand`.
"""

import dataclasses
import sys

from ironic_async_events.tests.functional import base
from laboratory import deployment
from laboratory import lifecycle
from laboratory import recorder

INSTALLED = 'ironic-async-events: TaskManager is now '


def installed_in(log: str) -> list[str]:
    """Give the ids of the processes that said that they are patched."""
    return [line.split()[2] for line in log.splitlines() if INSTALLED in line]


class RecordedTestCase(base.MeasuredTestCase):
    def emitters(self) -> set[tuple[int, bool]]:
        """Give who announced starts: process, and whether a pool's worker.

        On stock it is the thread of the API that does it.
        """
        return {
            (one['process'], not one['thread'].startswith('CP Server'))
            for one in recorder.read(self.running.recording)
            if one['message']['event_type'].endswith('provision_set.start')
        }

    def assert_patched_worker(self) -> None:
        """Assert that a patched child announces starts, by its workers."""
        log = self.running.ironic.log('ironic').read_text()
        ((process, by_worker),) = self.emitters()
        self.assertEqual([str(process)], installed_in(log))
        self.assertNotEqual(self.master, process)
        self.assertTrue(by_worker)


class OnSqlite(RecordedTestCase):
    wanted = deployment.Run(plugin=True, clients=base.CLIENTS)

    def test_nothing_is_lost_or_misplaced(self):
        self.assert_clean()

    def test_a_forked_worker_inherits_the_plugin(self):
        self.assert_patched_worker()


class Spawned(RecordedTestCase):
    wanted = deployment.Run(
        plugin=True,
        clients=2,
        operations=lifecycle.SHORT_LIFE,
        command=(sys.executable, '-m', 'laboratory.spawned'),
    )

    def test_nothing_is_lost_or_misplaced(self):
        self.assert_clean()

    def test_a_spawned_worker_installs_the_plugin_itself(self):
        log = self.running.ironic.log('ironic').read_text()
        self.assertIn('multiprocessing start method: spawn', log)
        self.assert_patched_worker()


class OnMariaDBOverRabbitMQ(base.MeasuredTestCase):
    wanted = deployment.Run(
        plugin=True, mariadb=True, rabbitmq=True, clients=base.CLIENTS
    )

    def test_nothing_is_lost_or_misplaced(self):
        self.assert_clean()


class ConductorAndApi(base.MeasuredTestCase):
    wanted = deployment.Run(
        plugin=True,
        mariadb=True,
        rabbitmq=True,
        split=True,
        clients=4,
        operations=lifecycle.SHORT_LIFE,
    )

    def test_nothing_is_lost_or_misplaced(self):
        self.assert_clean()

    def test_the_conductor_alone_is_patched(self):
        conductor = self.running.ironic.log('ironic-conductor').read_text()
        self.assertEqual(1, len(installed_in(conductor)))
        api = self.running.ironic.log('ironic-api').read_text()
        self.assertEqual([], installed_in(api))
        self.assertNotIn('ironic-async-events:', api)


class OnStock(RecordedTestCase):
    wanted = deployment.Run(
        plugin=False, clients=2, operations=lifecycle.SHORT_LIFE
    )

    def test_the_thread_of_the_request_announces_the_start(self):
        ((_process, by_worker),) = self.emitters()
        self.assertFalse(by_worker)


class WorkersFirst(base.MeasuredTestCase):
    """The same measuring finds what stock loses when workers end early.

    Were nothing found here, nothing found above would mean nothing.
    """

    wanted = deployment.Run(
        plugin=False,
        clients=2,
        operations=lifecycle.SHORT_LIFE,
        command=(sys.executable, '-m', 'laboratory.forced'),
    )

    def test_every_start_is_lost_on_stock(self):
        account = self.result.account
        self.assertEqual(self.wanted.total, self.result.operations)
        # Each operation has its end, and most have a start before.
        starts = account.expected - self.result.operations
        self.assertGreater(starts, 0)
        self.assertEqual(starts, account.lost)
        self.assertEqual(self.result.operations, account.received)


class WorkersFirstOverRabbitMQ(WorkersFirst):
    wanted = dataclasses.replace(
        WorkersFirst.wanted, mariadb=True, rabbitmq=True
    )
