# SPDX-License-Identifier: Apache-2.0
"""The plugin beside a patched Ironic, and the way from one to the other.

``PATCHED_IRONIC`` names a source tree to which the series of ``patchset/``
was applied, of the release that is installed.
"""

import dataclasses
import os
import unittest

from ironic_async_events.tests.functional import base
from ironic_async_events.tests.functional import test_notifications
from laboratory import cluster
from laboratory import deployment
from laboratory import wanderer

TREE = os.environ.get('PATCHED_IRONIC', '')
ENVIRONMENT = {'PYTHONPATH': TREE}
NEEDS_TREE = unittest.skipUnless(TREE, 'PATCHED_IRONIC names no tree')


def lines_in(log: str) -> list[str]:
    """Give what the plugin said, without time and process."""
    mark = 'ironic-async-events: '
    return [
        line.partition(mark)[2] for line in log.splitlines() if mark in line
    ]


class MeasuredTestCase(test_notifications.RecordedTestCase):
    """A life on a patched Ironic."""

    def assert_patched_by_itself(self, *said: str) -> None:
        """Assert that Ironic's own task manager ran, in the workers."""
        ((_process, by_worker),) = self.emitters()
        self.assertTrue(by_worker)
        log = self.running.ironic.log('ironic').read_text()
        found = lines_in(log)
        self.assertEqual(len(said), len(found), found)
        for expected, line in zip(said, found, strict=True):
            self.assertIn(expected, line)


@NEEDS_TREE
class WithoutThePlugin(MeasuredTestCase):
    wanted = deployment.Run(plugin=False, clients=2, environment=ENVIRONMENT)

    def test_nothing_is_lost_or_misplaced(self):
        self.assert_clean()
        self.assert_patched_by_itself()


@NEEDS_TREE
class WithTheDriverLine(MeasuredTestCase):
    wanted = dataclasses.replace(
        WithoutThePlugin.wanted,
        plugin=True,
    )

    def test_nothing_is_lost_or_misplaced(self):
        self.assert_clean()

    def test_the_conductor_says_that_ironic_does_it_by_itself(self):
        self.assert_patched_by_itself(
            'TaskManager is now ironic.conductor.task_manager'
        )


@NEEDS_TREE
class WayTestCase(base.FunctionalTestCase):
    """From the plugin on stock Ironic to a patched Ironic, and back."""

    def test_no_stored_message_is_lost(self):
        with cluster.Cluster(1) as place:
            with wanderer.Wanderers(place.endpoint, 2, 4, 0, 0) as load:
                load.work(10)
                place.broker.stop()
                load.work(10)
            for tree, ways in ((TREE, 1), ('', 2)):
                waiting = place.waiting()
                self.assertGreater(waiting, 0)
                place.move({'PYTHONPATH': tree})
                with wanderer.Wanderers(place.endpoint, 2, 4, ways, 0) as load:
                    load.work(10)
                # The other Ironic has stored its own behind them.
                self.assertGreater(place.waiting(), waiting)
            place.broker.start()
            self.assertTrue(place.drained())
            account = place.account()
            said = [line.partition(',')[0] for line in lines_in(place.log(0))]
        self.assertGreater(account.expected, 30)
        self.assertEqual(
            [], [row for row in account.rows if row.name != 'duplicate']
        )
        # On the patched Ironic the outbox has its own over the patched class.
        plugin = 'TaskManager is now ironic_async_events.task.'
        self.assertEqual(
            [
                f'{plugin}drop_in.DropInTaskManager',
                f'{plugin}manager.AsyncTaskManager',
                f'{plugin}drop_in.DropInTaskManager',
            ],
            said,
        )


@NEEDS_TREE
class ConductorAndApi(base.MeasuredTestCase):
    """The outbox on a patched Ironic, with nothing else of the plugin."""

    wanted = dataclasses.replace(
        test_notifications.ConductorAndApi.wanted,
        plugin=False,
        environment=ENVIRONMENT,
        options={
            'oslo_messaging_notifications': {
                'driver': ['async_events_outbox']
            },
            'async_events': {'repairs': ''},
        },
    )

    @classmethod
    def new_service(cls):
        return base.Service(cls.wanted, outbox=True)

    def test_nothing_is_lost_or_misplaced(self):
        self.assert_clean()
        rows = self.running.eye.query(
            'SELECT count(*), (SELECT term FROM async_events_relay) '
            'FROM async_events_outbox'
        )
        # All were stored; the relay had the lease, and has published them.
        self.assertEqual([(0, 1)], [tuple(row) for row in rows])
