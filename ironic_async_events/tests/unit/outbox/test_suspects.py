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
        self.suspects = suspects.Suspects(30.0, self.clock)

    def refuse(self, id=1, subject='a', unreadable=False):
        return self.suspects.refused(id, subject, ERROR, unreadable)

    def pass_after(self, seconds, subject='b'):
        self.clock.now += seconds
        self.suspects.passed(subject)

    def guilty(self):
        return [suspect.id for suspect in self.suspects.guilty()]

    def test_what_comes_after_it_waits_others_do_not(self):
        self.refuse()
        self.assertEqual({'a'}, self.suspects.subjects)

    def test_it_is_tried_again_after_a_while(self):
        self.refuse()
        self.assertEqual([], self.suspects.due())
        self.clock.now += 10
        self.assertEqual([1], [x.id for x in self.suspects.due()])

    def test_the_one_that_waits_longest_is_tried_first(self):
        self.refuse(1, 'a')
        self.clock.now += 1
        self.refuse(2, 'b')
        self.refuse(1, 'a')
        self.refuse(1, 'a')
        self.clock.now += 10
        due = self.suspects.due()
        self.assertEqual(sorted(x.due for x in due), [x.due for x in due])

    def test_a_refusal_may_be_the_fault_of_the_bus(self):
        for _ in range(20):
            self.assertTrue(self.refuse())
            self.clock.now += 60
        self.assertEqual([], self.guilty())

    def test_it_is_not_when_another_passes_after_it(self):
        self.refuse()
        self.pass_after(5)
        self.assertFalse(self.refuse())

    def test_it_is_not_when_another_has_just_passed(self):
        self.assertTrue(self.refuse())
        self.clock.now += 5
        self.suspects.acquit()
        self.pass_after(0)
        self.assertFalse(self.refuse())

    def test_of_a_message_that_was_not_refused_before_nobody_knows(self):
        self.pass_after(0)
        self.assertTrue(self.refuse())

    def test_it_is_guilty_when_it_is_refused_for_long_and_others_pass(self):
        for _ in range(7):
            self.refuse()
            self.pass_after(5)
        self.assertEqual([1], self.guilty())
        (suspect,) = self.suspects.guilty()
        self.assertEqual((7, 'OSError: no'), (suspect.attempts, suspect.error))

    def test_not_before(self):
        for _ in range(6):
            self.refuse()
            self.pass_after(5)
        self.assertEqual([], self.guilty())

    def test_it_is_not_guilty_when_nobody_has_tried_it(self):
        self.refuse()
        for _ in range(100):
            self.pass_after(5)
        self.assertEqual([], self.guilty())

    def test_hours_between_two_that_pass_count_as_seconds(self):
        self.refuse()
        self.pass_after(1)
        self.refuse()
        self.pass_after(7200)
        self.assertEqual([], self.guilty())
        self.refuse()
        self.pass_after(7200)
        self.assertEqual([1], self.guilty())

    def test_an_outage_acquits_all_and_has_them_tried(self):
        for _ in range(6):
            self.refuse()
            self.pass_after(5)
        self.refuse()
        self.suspects.acquit()
        self.assertEqual([1], [x.id for x in self.suspects.due()])
        self.pass_after(5)
        self.pass_after(5)
        self.assertEqual([], self.guilty())

    def test_what_cannot_be_decoded_needs_no_others(self):
        self.assertFalse(self.refuse(unreadable=True))
        self.assertEqual([1], self.guilty())

    def test_one_that_passes_is_forgotten(self):
        self.refuse()
        self.pass_after(5, 'a')
        self.assertEqual([], list(self.suspects.subjects))

    def test_the_next_of_a_subject_begins_at_nought(self):
        for _ in range(7):
            self.refuse()
            self.pass_after(5)
        self.suspects.forget('a')
        self.assertEqual(set(), set(self.suspects.subjects))
        self.refuse(2)
        self.assertEqual([], self.guilty())

    def test_there_is_a_bound(self):
        for id in range(suspects._MOST):
            self.assertFalse(self.suspects.are_too_many)
            self.refuse(id, str(id))
        self.assertTrue(self.suspects.are_too_many)
