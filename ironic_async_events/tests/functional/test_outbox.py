# SPDX-License-Identifier: Apache-2.0
"""The outbox on real services that die, stop, or lose each other.

The short forms of :mod:`laboratory.chaos`.
"""

import random

from testtools import content

from ironic_async_events.tests.functional import base
from laboratory.chaos import scenarios as chaos


class OutboxTestCase(base.FunctionalTestCase):
    """Whatever happens, each committed change is announced, in order."""

    def setUp(self):
        super().setUp()
        self.seed = random.randrange(10**6)

    def hold(self, scenario, *arguments):
        """Run a scenario, and assert that nothing was lost or misplaced."""
        self.addDetail('seed', content.text_content(str(self.seed)))
        found = scenario(*arguments, seed=self.seed)
        self.addDetail('figures', content.json_content(found))
        self.assertTrue(found['held'], found)
        return found

    def test_conductors_are_killed(self):
        self.hold(chaos.kills, 4)

    def test_the_broker_goes_away(self):
        found = self.hold(chaos.broker_away, 30)
        self.assertGreater(found['waited'], 0)
        self.assertEqual((1, 1), (found['said_away'], found['said_back']))
        self.assertGreater(found['meanwhile'], 0)

    def test_the_leader_is_killed(self):
        found = self.hold(chaos.leader_killed)
        self.assertLess(found['taken_over_after'], chaos.LEASE + 0.5)

    def test_the_leader_is_frozen_and_goes_on(self):
        found = self.hold(chaos.leader_frozen)
        self.assertLess(found['taken_over_after'], chaos.LEASE + 0.5)

    def test_a_conductor_at_work_is_killed_and_the_numbers_go_on(self):
        self.hold(chaos.numbers)

    def test_the_database_is_restarted(self):
        found = self.hold(chaos.database_restarts, 2)
        self.assertGreater(found['errors'], 0)

    def test_all_in_one_on_sqlite(self):
        self.hold(chaos.sqlite, 20)

    def test_a_backlog_is_published_in_order(self):
        self.hold(chaos.backlog, 3000)
