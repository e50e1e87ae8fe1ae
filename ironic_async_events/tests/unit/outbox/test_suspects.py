# SPDX-License-Identifier: Apache-2.0
"""Tests of whose fault it is when a message is refused."""

from oslotest import base

from ironic_async_events.outbox import suspects
from ironic_async_events.tests.unit.outbox import base as outbox_base

ERROR = OSError('no')


class SuspectsTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()
        self.suspects = suspects.Suspects(3, self.clock)

    def test_what_comes_after_it_waits_others_do_not(self):
        self.suspects.refused(1, 'a', ERROR, own=False)
        self.assertEqual({'a'}, self.suspects.blocked())

    def test_it_is_tried_again_after_a_while(self):
        self.suspects.refused(1, 'a', ERROR, own=False)
        self.clock.now += 10
        self.assertEqual(set(), self.suspects.blocked())

    def test_nobody_is_blamed_while_nothing_passes(self):
        for _ in range(20):
            self.assertIsNone(self.suspects.refused(1, 'a', ERROR, own=False))
        # Only the last time is held against it.
        self.assertEqual([], self.suspects.passed('b'))

    def test_it_is_blamed_when_others_pass_each_time(self):
        for _ in range(2):
            self.suspects.refused(1, 'a', ERROR, own=False)
            self.assertEqual([], self.suspects.passed('b'))
        self.suspects.refused(1, 'a', ERROR, own=False)
        (guilty,) = self.suspects.passed('b')
        self.assertEqual((1, 3), (guilty.id, guilty.attempts))
        self.assertEqual('OSError: no', guilty.error)

    def test_several_that_pass_count_once(self):
        self.suspects.refused(1, 'a', ERROR, own=False)
        for _ in range(10):
            self.assertEqual([], self.suspects.passed('b'))

    def test_what_cannot_be_put_into_words_needs_no_others(self):
        self.suspects.refused(1, 'a', ERROR, own=True)
        self.suspects.refused(1, 'a', ERROR, own=True)
        guilty = self.suspects.refused(1, 'a', ERROR, own=True)
        self.assertEqual(3, guilty.attempts)

    def test_one_that_passes_is_forgotten(self):
        self.suspects.refused(1, 'a', ERROR, own=True)
        self.suspects.refused(1, 'a', ERROR, own=True)
        self.suspects.passed('a')
        self.assertIsNone(self.suspects.refused(2, 'a', ERROR, own=True))

    def test_the_next_of_a_subject_begins_at_nought(self):
        for _ in range(2):
            self.suspects.refused(1, 'a', ERROR, own=True)
        self.suspects.forget('a')
        self.assertEqual(set(), self.suspects.blocked())
        self.assertIsNone(self.suspects.refused(2, 'a', ERROR, own=True))

    def test_all_can_be_tried_at_once(self):
        self.suspects.refused(1, 'a', ERROR, own=False)
        self.suspects.refused(2, 'b', ERROR, own=False)
        self.suspects.try_all()
        self.assertEqual(set(), self.suspects.blocked())
