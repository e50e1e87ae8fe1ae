# SPDX-License-Identifier: Apache-2.0
"""What hangs or is refused, by the thousand, delays no other message."""

import random

from oslotest import base

from ironic_async_events.outbox import lanes
from ironic_async_events.tests.unit.outbox.simulation import cluster

SECOND = 1.0


class ScenarioTestCase(cluster.Cluster, base.BaseTestCase):
    """One relay, as an operator configures it by default."""

    BATCH = 200
    POLL = 0.2

    def setUp(self):
        super().setUp()
        random.seed(1)
        self.begin('one')
        self.addCleanup(self.end)
        self.good = []
        self.world.run_for(1)

    def put(self, *subjects, topic='info'):
        """Store messages that the bus takes."""
        for subject in subjects:
            self.good.append(self.store(subject, topic))
        self.wake('one')

    def put_bad(self, *subjects, topic='error'):
        """Store messages that the bus does not take."""
        stored = [self.store(subject, topic) for subject in subjects]
        self.wake('one')
        return stored

    def delays(self):
        """Return how long the good messages were on their way."""
        return [
            (stored.arrived_at or self.world.now) - stored.shown_at
            for stored in self.good
        ]

    def assert_prompt(self, seconds=SECOND):
        """Assert that all good messages were published in time."""
        left = [stored.id for stored in self.good if not stored.published]
        self.assertEqual([], left)
        self.assertLessEqual(max(self.delays()), seconds)
        self.assertEqual([], self.bus.disorder)
        self.assertEqual([], self.database.lost)
        self.assertEqual([], self.violations)

    def go_on(self, seconds, every=5.0):
        """Store a good message from time to time."""
        end = self.world.now + seconds
        while self.world.now < end:
            self.put(f'good{self.next_id}')
            self.world.run_for(every)


class HangingTestCase(ScenarioTestCase):
    def names(self, count):
        return [f'bad{self.next_id}-{number}' for number in range(count)]

    def test_eight_that_time_out(self):
        self.bus.hanging.add('error')
        self.put_bad(*self.names(8))
        self.go_on(181)
        self.assert_prompt()

    def test_hundreds_that_hang_for_ever(self):
        self.bus.gives_up = 10.0**9
        self.bus.hanging.add('error')
        self.put_bad(*self.names(1000))
        self.go_on(200)
        self.assert_prompt()

    def test_hundreds_that_time_out_stored_all_the_time(self):
        self.bus.hanging.add('error')
        for _ in range(60):
            self.put_bad(*self.names(10))
            self.go_on(10, every=0.7)
        self.assert_prompt()

    def test_some_nodes_for_ever(self):
        self.bus.gives_up = 10.0**9
        bad = self.names(11)
        self.bus.hanging.update(bad)
        for _ in range(10):
            self.put_bad(*bad, topic='info')
            self.go_on(10, every=0.7)
        self.assert_prompt()

    def test_some_nodes_that_time_out(self):
        bad = self.names(11)
        self.bus.hanging.update(bad)
        self.put_bad(*bad, topic='info')
        self.go_on(300, every=2.9)
        self.assert_prompt()

    def test_all_topics_but_one_with_the_limits_reached(self):
        topics = ('debug', 'error', 'warning', 'critical', 'a', 'b', 'c')
        self.bus.hanging.update(topics)
        for topic in topics:
            self.put_bad(*self.names(100), topic=topic)
            self.go_on(10)
        self.go_on(200)
        self.assert_prompt()
        # The seventh destination may have one all the same.
        self.assertLessEqual(self.bus.most_hung, lanes._MOST + 1)

    def test_the_limits_are_kept_when_all_begin_to_hang_at_once(self):
        topics = ('debug', 'error', 'warning', 'critical', 'info')
        self.bus.hanging.update(topics)
        for topic in topics * 40:
            self.put_bad(*self.names(1), topic=topic)
        self.world.run_for(20)
        self.assertLessEqual(self.bus.most_hung, lanes._MOST)

    def test_a_node_with_messages_that_hang_and_others(self):
        self.bus.hanging.add('error')
        for number in range(30):
            self.put_bad(f'node{number}', topic='error')
            self.put_bad(f'node{number}', topic='info')
        self.go_on(100)
        self.assert_prompt()
        self.bus.release('error', None)
        self.world.run_for(20)
        self.assertEqual({}, self.database.waiting_rows)
        self.assert_prompt()

    def test_when_it_takes_again_all_are_published_soon(self):
        self.bus.hanging.add('error')
        self.put_bad(*self.names(300))
        self.go_on(150)
        self.bus.release('error', None)
        self.world.run_for(20)
        self.assertEqual({}, self.database.waiting_rows)

    def test_restarts_in_front_of_what_hangs(self):
        self.bus.hanging.add('error')
        self.put_bad(*self.names(300))
        for _ in range(5):
            self.go_on(37)
            self.good.clear()
            self.restart('one')
            self.world.run_for(cluster.LEASE + 1)
            self.go_on(15)
            self.assert_prompt()

    def test_all_hang_and_the_lease_is_given_up(self):
        self.bus.hanging.update(('error', 'info'))
        self.put_bad(*self.names(300))
        self.put_bad(*self.names(300), topic='info')
        self.world.run_for(32)
        self.start('two')
        self.world.run_for(5)
        self.assertIn('two', self.database._holder)

    def test_slow_ones_are_published_all_the_same(self):
        self.bus.seconds = 0.4
        self.put(*(f'node{number % 50}' for number in range(300)))
        self.world.run_for(60)
        self.assertEqual({}, self.database.waiting_rows)

    def test_slow_refusals_delay_no_other(self):
        self.bus.topics['error'] = OSError
        for seconds in (0.1, 0.2, 0.24, 0.26, 0.3, 0.5, 1.0):
            self.bus.slow['error'] = seconds
            self.put_bad(*self.names(1000))
            self.go_on(20, every=1.3)
        self.assert_prompt()

    def test_a_topic_that_hangs_beside_a_topic_that_refuses(self):
        self.bus.hanging.add('error')
        self.bus.topics['warning'] = OSError
        for _ in range(20):
            self.put_bad(*self.names(30))
            self.put_bad(*self.names(30), topic='warning')
            self.world.run_for(random.uniform(5, 15))
            self.go_on(5, every=1.3)
        self.assert_prompt()


class ManyTestCase(ScenarioTestCase):
    """The program of the simulation runs them with more messages."""

    COUNT = 2000
    SECONDS = 20

    def refuse(self, count, topic='error'):
        self.bus.topics['error'] = OSError
        return self.put_bad(*map(str, range(count)), topic=topic)

    def test_in_front_of_others(self):
        self.refuse(self.COUNT)
        self.go_on(60)
        self.assert_prompt(2 * SECOND)

    def test_already_refused_and_restarted(self):
        for stored in self.refuse(self.COUNT):
            del self.database.fresh[stored.id]
            self.database.marked.add(stored.id)
        self.restart('one')
        self.world.run_for(cluster.LEASE + 1)
        self.go_on(60)
        self.assert_prompt(2 * SECOND)

    def test_refused_by_themselves_among_others(self):
        for number in range(self.COUNT):
            self.put(f'good{number}')
            (bad,) = self.put_bad(f'bad{number}', topic='info')
            self.bus.ids[bad.id] = OSError
        self.bus.changed()
        self.world.run_for(120)
        self.go_on(60)
        self.assert_prompt(120)

    def test_a_steady_stream(self):
        self.bus.topics['error'] = OSError
        self.bus.changed()
        for number in range(50 * self.SECONDS):
            self.put(f'good{number}')
            self.put_bad(f'bad{number}')
            self.world.run_for(0.02)
        self.world.run_for(1)
        self.assert_prompt()
        if self.SECONDS > 2 * cluster.SET_ASIDE_AFTER:
            self.assertNotEqual([], self.database.set_aside_by_relay)

    def test_they_are_published_when_the_bus_takes_them(self):
        self.refuse(self.COUNT)
        self.go_on(60)
        self.bus.topics.clear()
        self.bus.changed()
        self.go_on(120)
        self.assertEqual({}, self.database.waiting_rows)
        self.assertEqual([], self.violations)

    def test_they_are_set_aside(self):
        self.refuse(100)
        self.go_on(5 * cluster.SET_ASIDE_AFTER, every=1.0)
        self.assertEqual({}, self.database.waiting_rows)
        self.assertEqual(100, len(self.database.set_aside_by_relay))
        self.assert_prompt()


class BoundedTestCase(ScenarioTestCase):
    SUSPECTS = 300

    def test_no_more_than_so_many_are_remembered(self):
        self.bus.topics['error'] = OSError
        self.put_bad(*map(str, range(2000)))
        self.go_on(200, every=1.0)
        (relay,) = self.relays.values()
        self.assertEqual(self.SUSPECTS, len(relay._breaker._by_subject))
        self.assert_prompt()
        self.bus.topics.clear()
        self.bus.changed()
        self.go_on(200)
        self.assertEqual({}, self.database.waiting_rows)
        self.assert_prompt()
