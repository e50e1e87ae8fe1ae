# SPDX-License-Identifier: Apache-2.0
"""Tests of whose fault it is when a message is refused."""

import tracemalloc
from unittest import mock
import uuid

from oslotest import base

from ironic_async_events.outbox import stored
from ironic_async_events.outbox import suspects
from ironic_async_events.tests.unit.outbox import base as outbox_base

ERROR = OSError('no')


class SuspectsTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()
        self.rows = mock.create_autospec(stored.Rows, instance=True)
        self.suspects = self.make()

    def make(self, **more):
        return suspects.Suspects(self.rows, 30.0, self.clock, **more)

    def row(self, id=1, subject='a', destination=''):
        return stored.Row(id, str(id), subject, '', destination)

    def refuse(self, id=1, subject='a', unreadable=False, destination=''):
        return self.suspects.refused(
            self.row(id, subject, destination), ERROR, unreadable
        )

    def pass_after(self, seconds, subject='b', id=1):
        self.clock.now += seconds
        self.suspects.passed(self.row(id, subject))

    def guilty(self):
        return [suspect.id for suspect in self.suspects.guilty.values()]

    def due(self, busy=(), closed=()):
        return [suspect.id for suspect in self.suspects.due(busy, closed)]

    def test_it_is_marked_once(self):
        self.refuse()
        self.refuse()
        for _ in range(2):
            self.suspects.mark('me')
        self.rows.mark_refused.assert_called_once()

    def test_it_is_marked_later_if_the_database_is_away(self):
        self.refuse()
        seen = []
        self.rows.mark_refused.side_effect = lambda ids, holder: (
            seen.append([*ids]) or (1 // (len(seen) - 1))
        )
        self.assertRaises(ZeroDivisionError, self.suspects.mark, 'me')
        self.suspects.mark('me')
        self.assertEqual([[1], [1]], seen)

    def test_it_is_tried_again_after_a_while(self):
        self.refuse()
        self.assertEqual([], self.due())
        self.clock.now += 10
        self.assertEqual([1], self.due())

    def test_it_is_due_again_when_nobody_has_tried_it(self):
        self.refuse()
        self.clock.now += 10
        for _ in range(3):
            self.assertEqual([1], self.due())
            self.assertEqual([], self.due())
            self.clock.now += 10

    def test_what_is_busy_or_closed_is_passed_over(self):
        self.refuse(1, 'a')
        self.refuse(2, 'b', destination='closed')
        self.refuse(3, 'c')
        self.clock.now += 10
        self.assertEqual([1], self.due({'c'}, {'closed'}))
        self.assertEqual([2], self.due())

    def test_a_few_of_each_destination_are_due(self):
        for id in range(100):
            self.refuse(id, str(id), destination='one')
        self.refuse(200, 'x', destination='two')
        self.clock.now += 10
        due = self.due()
        self.assertLess(len(due), 20)
        self.assertIn(200, due)

    def test_the_one_that_waits_longest_is_tried_first(self):
        self.refuse(1, 'a')
        self.clock.now += 1
        self.refuse(2, 'b')
        self.refuse(1, 'a')
        self.refuse(1, 'a')
        self.clock.now += 10
        times = {x.id: at for at, _, x in self.suspects._due['']}
        self.assertEqual(sorted(times, key=times.get), self.due())

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
        (suspect,) = self.suspects.guilty.values()
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
        for _ in range(3):
            self.refuse()
            self.pass_after(7200)
            self.assertEqual([], self.guilty())
        self.refuse()
        self.pass_after(7200)
        self.assertEqual([1], self.guilty())

    def test_hours_between_two_refusals_count_as_a_part_of_the_time(self):
        self.refuse()
        for _ in range(4):
            self.assertEqual([], self.guilty())
            for _ in range(100):
                self.pass_after(15)
            self.refuse()
        self.pass_after(1)
        self.assertEqual([1], self.guilty())

    def test_an_outage_acquits_all_and_has_them_tried(self):
        for _ in range(6):
            self.refuse()
            self.pass_after(5)
        self.refuse()
        self.suspects.acquit()
        self.assertEqual([1], self.due())
        self.pass_after(5)
        self.pass_after(5)
        self.assertEqual([], self.guilty())

    def test_what_cannot_be_decoded_needs_no_others(self):
        self.assertFalse(self.refuse(unreadable=True))
        self.assertEqual([1], self.guilty())

    def test_one_that_passes_is_forgotten(self):
        self.refuse()
        self.pass_after(5, 'a')
        self.assertEqual(0, len(self.suspects))
        self.clock.now += 10
        self.assertEqual([], self.due())

    def test_another_of_its_subject_that_passes_changes_nothing(self):
        self.refuse(7)
        self.pass_after(5, 'a', id=5)
        self.assertTrue(self.suspects.knows(self.row(7)))

    def test_the_next_of_a_subject_begins_at_nought(self):
        for _ in range(7):
            self.refuse()
            self.pass_after(5)
        self.suspects.set_aside_guilty()
        self.rows.set_aside.assert_called_once_with(1, 7, 'OSError: no')
        self.assertEqual(0, len(self.suspects))
        self.refuse(2)
        self.assertEqual([], self.guilty())

    def test_of_two_about_a_subject_the_oldest_is_remembered(self):
        for order in ((5, 7), (7, 5)):
            self.suspects.clear()
            for id in order:
                self.refuse(id)
            self.assertTrue(self.suspects.knows(self.row(5)))
            self.clock.now += 10
            self.assertEqual([5], self.due())

    def test_who_does_not_wait_any_more_is_forgotten(self):
        self.refuse(1, 'a')
        self.refuse(2, 'b')
        self.clock.now += 10
        self.rows.still_waiting.return_value = [self.row(2, 'b')]
        self.assertEqual(
            [2], [row.id for row in self.suspects.read_due((), (), ())]
        )
        self.assertEqual(1, len(self.suspects))

    def test_there_is_a_bound_and_the_others_are_marked(self):
        self.suspects = self.make(most=10)
        for id in range(25):
            self.assertTrue(self.refuse(id, str(id)))
        self.assertEqual(10, len(self.suspects))
        marked = []
        self.rows.mark_refused.side_effect = lambda ids, _: marked.extend(ids)
        self.suspects.mark('me')
        self.assertEqual(list(range(25)), marked)

    def test_100000_take_less_than_70_megabytes(self):
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for id in range(10**9, 10**9 + 2000):
            row = self.row(id, str(uuid.uuid4()), ' '.join(('info', 'topic')))
            self.suspects.refused(row, OSError('x' * 200 + str(id)), False)
            self.suspects.mark('me')
            self.rows.reset_mock()
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess((after - before) / 2000, 700)

    def test_those_that_are_marked_are_read_in_parts(self):
        ids = range(1, 2 * suspects._AT_ONCE + 10)
        self.rows.refused.side_effect = lambda limit, after: [
            stored.Refused(id, str(id), '') for id in ids if id > after
        ][:limit]
        for _ in range(3):
            self.suspects.read(0)
        self.assertEqual(len(ids), len(self.suspects))
        self.suspects.read(len(ids))
        self.assertEqual(3, self.rows.refused.call_count)
        # Somebody else has marked another.
        self.suspects.read(len(ids) + 1)
        self.assertEqual(4, self.rows.refused.call_count)
