# SPDX-License-Identifier: Apache-2.0
"""Tests of the lease: who has it, and for how long it is trusted."""

import collections
from unittest import mock

from oslotest import base
import sqlalchemy as sa

from ironic_async_events.outbox import lease
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import store
from ironic_async_events.tests.unit.outbox import base as outbox_base

SECONDS = 10.0


class Claims:
    """The lease of a cluster whose time the test makes.

    :param clock: the clock of the database
    """

    def __init__(self, clock):
        self.clock = clock
        self.holder = ''
        self.until = 0.0
        self.asked = collections.Counter()

    def take_lease(self, holder, seconds):
        self.asked[holder] += 1
        if self.holder != holder and self.clock() < self.until:
            return self.until - self.clock()
        self.holder = holder
        self.until = self.clock() + seconds
        return None

    def give_up_lease(self, holder):
        if self.holder == holder:
            self.until = 0.0


class LeaseTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()
        self.claims = Claims(self.clock)

    def lease(self, name):
        return lease.Lease(self.claims, name, SECONDS, self.clock)

    def test_nobody_has_it_who_has_not_asked(self):
        self.assertFalse(self.lease('one').is_valid())

    def test_the_first_who_asks_gets_it(self):
        self.assertTrue(self.lease('one').hold())
        self.assertFalse(self.lease('two').hold())

    def test_the_holder_asks_for_more_in_time(self):
        one = self.lease('one')
        for _ in range(100):
            self.assertTrue(one.hold())
            self.clock.now += 1
        self.assertEqual('one', self.claims.holder)
        # Every 2.5 seconds, looked at every second.
        self.assertEqual(34, self.claims.asked['one'])

    def test_it_is_not_trusted_longer_than_it_lasts(self):
        one = self.lease('one')
        one.hold()
        self.clock.now += SECONDS * 0.85 + 0.01
        self.assertFalse(one.is_valid())
        self.assertLess(self.clock(), self.claims.until)

    def test_the_time_of_the_answer_does_not_count(self):
        one = self.lease('one')
        take = self.claims.take_lease

        def slow(holder, seconds):
            taken = take(holder, seconds)
            self.clock.now += SECONDS
            return taken

        with mock.patch.object(self.claims, 'take_lease', slow):
            self.assertFalse(one.hold())

    def test_another_takes_over_as_soon_as_it_has_ended(self):
        one, two = self.lease('one'), self.lease('two')
        one.hold()
        began = self.clock()
        while not two.hold():
            self.assertGreater(two.seconds_to_next(), 0)
            self.clock.now += two.seconds_to_next()
        # With some time left to do it in.
        self.assertLess(self.clock() - began, SECONDS * 0.96)
        self.assertFalse(one.is_valid())

    def test_who_was_frozen_notices_before_it_publishes(self):
        one, two = self.lease('one'), self.lease('two')
        one.hold()
        self.clock.now += 3 * SECONDS
        two.hold()
        self.assertFalse(one.is_valid())
        self.assertFalse(one.hold())

    def test_two_never_trust_it_at_the_same_time(self):
        leases = [self.lease(str(number)) for number in range(3)]
        for step in range(3000):
            self.clock.now += 0.37
            # Each of them sleeps from time to time.
            for number, one in enumerate(leases):
                if (step // 40) % 3 != number:
                    one.hold()
            self.assertLessEqual(sum(one.is_valid() for one in leases), 1)

    def test_given_up_it_can_be_taken_at_once(self):
        one, two = self.lease('one'), self.lease('two')
        one.hold()
        one.give_up()
        self.assertFalse(one.is_valid())
        self.assertTrue(two.hold())

    def test_an_error_of_the_database_does_not_end_it(self):
        one = self.lease('one')
        one.hold()
        self.clock.now += SECONDS / 2
        with mock.patch.object(
            self.claims, 'take_lease', autospec=True, side_effect=OSError
        ):
            self.assertRaises(OSError, one.hold)
        self.assertTrue(one.is_valid())


class RowTestCase(outbox_base.OutboxTestCase):
    def terms(self):
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(schema.RELAY.c.term))

    def test_one_of_two_gets_it(self):
        self.assertIsNone(store.take_lease('one', 60))
        left = store.take_lease('two', 60)
        self.assertTrue(50 < left <= 60, left)
        self.assertIsNone(store.take_lease('one', 60))
        holder, seconds = store.leader()
        self.assertEqual(('one', 1), (holder, self.terms()))
        self.assertTrue(50 < seconds <= 60, seconds)

    def test_one_that_has_ended_is_free(self):
        store.take_lease('one', -1)
        self.assertEqual(('one', 0), store.leader())
        self.assertIsNone(store.take_lease('two', 60))
        self.assertEqual(('two', 2), (store.leader()[0], self.terms()))

    def test_only_the_holder_can_give_it_up(self):
        store.take_lease('one', 60)
        store.give_up_lease('two')
        self.assertIsNotNone(store.take_lease('two', 60))
        store.give_up_lease('one')
        self.assertIsNone(store.take_lease('two', 60))
