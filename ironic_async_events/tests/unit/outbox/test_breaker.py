# SPDX-License-Identifier: Apache-2.0
"""Tests of whose fault it is when a message is refused."""

import tracemalloc
from unittest import mock
import uuid

import fixtures
from oslotest import base

from ironic_async_events.outbox import breaker
from ironic_async_events.outbox import message
from ironic_async_events.outbox import store
from ironic_async_events.outbox import stored
from ironic_async_events.tests.unit.outbox import base as outbox_base

ERROR = OSError('no')


class BreakerTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()
        self.lines = self.useFixture(outbox_base.Log()).lines
        self.rows = mock.create_autospec(store)
        self.rows.backlog.return_value = stored.Backlog(7, 0.0, 0)
        self.rows.still_waiting.side_effect = lambda ids, confirmed: [
            self.row(id, '') for id in ids
        ]
        self.breaker = breaker.Breaker(self.rows, 30.0, self.clock)

    def row(self, id=1, subject='a', destination=''):
        return stored.Row(id, subject, '', destination)


class SuspectsTestCase(BreakerTestCase):
    def refuse(self, id=1, subject='a', error=ERROR, destination=''):
        """Refuse a message, and tell whether it may be the bus's fault."""
        self.breaker.begin()
        row = self.row(id, subject, destination)
        self.breaker.refused(row, error, hung=False)
        return self.breaker._refusals > 0

    def pass_after(self, seconds, subject='b', id=1):
        self.clock.now += seconds
        self.breaker.confirmed(self.row(id, subject))

    def end_an_outage(self):
        self.breaker._outage.failed(ERROR)
        self.pass_after(0)

    def known(self):
        return [x.id for x in self.breaker._by_subject.values()]

    def guilty(self):
        return [*self.breaker._guilty]

    def due(self, busy=(), closed=()):
        return [row.id for row in self.breaker.read_due(busy, closed, ())]

    def test_it_is_marked_once(self):
        self.refuse()
        self.refuse()
        for _ in range(2):
            self.breaker.mark('me')
        self.rows.mark_refused.assert_called_once()

    def test_it_is_marked_later_if_the_database_is_away(self):
        self.refuse()
        seen = []
        self.rows.mark_refused.side_effect = lambda ids, holder: (
            seen.append([*ids]) or (1 // (len(seen) - 1))
        )
        self.assertRaises(ZeroDivisionError, self.breaker.mark, 'me')
        self.breaker.mark('me')
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
        times = {x.id: at for at, _, x in self.breaker._due['']}
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
        self.end_an_outage()
        self.assertFalse(self.refuse())

    def test_of_a_message_that_was_not_refused_before_nobody_knows(self):
        self.pass_after(0)
        self.assertTrue(self.refuse())

    def test_it_is_guilty_when_it_is_refused_for_long_and_others_pass(self):
        for _ in range(7):
            self.refuse()
            self.pass_after(5)
        self.refuse()
        self.assertEqual([1], self.guilty())
        (suspect,) = self.breaker._guilty.values()
        self.assertEqual((8, 'OSError: no'), (suspect.attempts, suspect.error))

    def test_not_before(self):
        for _ in range(7):
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
        for _ in range(4):
            self.refuse()
            self.pass_after(7200)
            self.assertEqual([], self.guilty())
        self.refuse()
        self.assertEqual([1], self.guilty())

    def test_hours_between_two_refusals_count_as_a_part_of_the_time(self):
        self.refuse()
        for _ in range(5):
            self.assertEqual([], self.guilty())
            for _ in range(100):
                self.pass_after(15)
            self.refuse()
        self.assertEqual([1], self.guilty())

    def test_an_outage_acquits_all_and_has_them_tried(self):
        for _ in range(7):
            self.refuse()
            self.pass_after(5)
        self.end_an_outage()
        self.assertEqual([1], self.due())
        self.pass_after(5)
        self.refuse()
        self.pass_after(5)
        self.refuse()
        self.assertEqual([], self.guilty())

    def test_what_cannot_be_decoded_needs_no_others(self):
        self.assertFalse(self.refuse(error=message.Unreadable()))
        self.assertEqual([1], self.guilty())

    def test_one_that_passes_is_forgotten(self):
        self.refuse()
        self.pass_after(5, 'a')
        self.assertEqual([], self.known())
        self.clock.now += 10
        self.assertEqual([], self.due())

    def test_another_of_its_subject_that_passes_changes_nothing(self):
        self.refuse(7)
        self.pass_after(5, 'a', id=5)
        self.assertEqual([7], self.known())

    def test_the_next_of_a_subject_begins_at_nought(self):
        for _ in range(7):
            self.refuse()
            self.pass_after(5)
        self.refuse()
        self.breaker.end(asked_all=False)
        self.rows.set_aside.assert_called_once_with(1, 8, 'OSError: no')
        self.assertEqual([], self.known())
        self.refuse(2)
        self.assertEqual([], self.guilty())

    def test_of_two_about_a_subject_the_oldest_is_remembered(self):
        for order in ((5, 7), (7, 5)):
            self.breaker.clear()
            for id in order:
                self.refuse(id)
            self.assertEqual([5], self.known())
            self.clock.now += 10
            self.assertEqual([5], self.due())

    def test_who_does_not_wait_any_more_is_forgotten(self):
        self.refuse(1, 'a')
        self.refuse(2, 'b')
        self.clock.now += 10
        self.rows.still_waiting.side_effect = [[self.row(2, 'b')]]
        self.assertEqual([2], self.due())
        self.assertEqual([2], self.known())

    def test_there_is_a_bound_and_the_others_are_marked(self):
        self.useFixture(
            fixtures.MockPatchObject(breaker, '_MOST_SUSPECTS', 10)
        )
        for id in range(25):
            self.assertTrue(self.refuse(id, str(id)))
        self.assertEqual(10, len(self.known()))
        marked = []
        self.rows.mark_refused.side_effect = lambda ids, _: marked.extend(ids)
        self.breaker.mark('me')
        self.assertEqual(list(range(25)), marked)

    def test_100000_take_less_than_70_megabytes(self):
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for id in range(10**9, 10**9 + 2000):
            row = self.row(id, str(uuid.uuid4()), ' '.join(('info', 'topic')))
            self.breaker.refused(row, OSError('x' * 200 + str(id)), False)
            self.breaker.mark('me')
            self.rows.reset_mock()
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess((after - before) / 2000, 700)

    def test_those_that_are_marked_are_read_in_parts(self):
        ids = range(1, 2 * breaker._AT_ONCE + 10)
        self.rows.refused.side_effect = lambda limit, after: [
            self.row(id, str(id)) for id in ids if id > after
        ][:limit]
        for _ in range(3):
            self.breaker.read(0)
        self.assertEqual([*ids], self.known())
        self.breaker.read(len(ids))
        self.assertEqual(3, self.rows.refused.call_count)
        # Somebody else has marked another.
        self.breaker.read(len(ids) + 1)
        self.assertEqual(4, self.rows.refused.call_count)


class BusTestCase(BreakerTestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(
            fixtures.MockPatchObject(breaker, '_MOST_REFUSALS', 16)
        )
        self.ids = iter(range(1, 10000))

    def fresh(self):
        id = next(self.ids)
        return self.row(id, str(id))

    def turn(self, refused, asked_all=False, passes=False, hung=False):
        """Refuse fresh messages until there were enough.

        :returns: how many were asked, and the pause
        """
        self.breaker.begin()
        count = 0
        if passes:
            self.breaker.confirmed(self.fresh())
        while self.breaker.may_be_asked and count < refused:
            self.breaker.refused(self.fresh(), ERROR, hung)
            count += 1
        self.breaker.end(asked_all)
        pause = self.breaker.seconds_to_retry()
        self.clock.now += pause
        return count, pause

    def test_after_each_turn_in_vain_it_asks_twice_as_many(self):
        self.assertEqual(
            [2, 4, 8, 16, 16], [self.turn(100)[0] for _ in range(5)]
        )

    def test_it_pauses_for_at_most_ten_seconds(self):
        pauses = [self.turn(100)[1] for _ in range(30)]
        self.assertGreater(min(pauses), 0)
        self.assertLessEqual(pauses[0], 0.25)
        self.assertLessEqual(max(pauses), 10)

    def test_with_one_that_passes_there_is_no_pause(self):
        self.turn(100)
        # It asks on: the bus is not away.
        self.assertEqual((16, 0), self.turn(100, passes=True))

    def test_what_hung_is_no_reason_for_a_pause(self):
        self.assertEqual((100, 0), self.turn(100, hung=True))

    def test_but_a_reason_to_try_others_first(self):
        self.turn(1, hung=True)
        self.assertEqual({'': False}, self.breaker.doubted)

    def test_it_is_the_bus_when_all_hang_and_fail(self):
        for _ in range(2):
            self.turn(1, hung=True, asked_all=True)
        self.assertEqual(1, len(self.lines('cannot reach')))

    def test_where_something_is_refused_others_go_first(self):
        self.turn(1)
        self.assertEqual({'': True}, self.breaker.doubted)
        self.turn(0, passes=True)
        self.assertEqual({}, self.breaker.doubted)

    def test_the_bus_is_away_when_many_were_refused(self):
        for _ in range(3):
            self.turn(100)
        self.assertEqual([], self.lines('cannot reach'))
        self.turn(100)
        self.assertEqual(1, len(self.lines('cannot reach')))

    def test_or_when_there_is_no_other_to_ask_with(self):
        self.turn(1, asked_all=True)
        self.assertEqual([], self.lines('cannot reach'))
        self.turn(1, asked_all=True)
        self.assertEqual(1, len(self.lines('cannot reach')))

    def test_when_it_is_back_all_are_tried_and_nobody_is_accused(self):
        self.turn(1, passes=True)
        for _ in range(3):
            self.turn(100, asked_all=True)
        self.breaker.begin()
        self.breaker.confirmed(self.fresh())
        (line,) = self.lines('reaches the message bus again')
        self.assertIn('7 messages', line)
        due = self.breaker.read_due((), (), ())
        suspects = self.breaker._by_subject.values()
        self.assertEqual(len(suspects), len(due))
        self.assertEqual({False}, {suspect.accused for suspect in suspects})

    def test_a_short_outage_that_nobody_saw_is_not_told(self):
        self.turn(100)
        self.turn(0, passes=True)
        self.assertEqual([], self.lines('bus'))

    def test_while_nobody_can_count_it_is_not_over(self):
        for _ in range(3):
            self.turn(1, asked_all=True)
        counted = [ZeroDivisionError, self.rows.backlog.return_value]
        self.rows.backlog.side_effect = counted
        self.assertRaises(
            ZeroDivisionError, self.breaker.confirmed, self.fresh()
        )
        self.breaker.confirmed(self.fresh())
        self.assertEqual(1, len(self.lines('reaches the message bus again')))
