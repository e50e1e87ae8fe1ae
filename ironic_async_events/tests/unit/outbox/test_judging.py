# SPDX-License-Identifier: Apache-2.0
"""Tests of what a refusal says about the bus."""

from unittest import mock

from oslotest import base

from ironic_async_events.outbox import judging
from ironic_async_events.outbox import stored
from ironic_async_events.outbox import suspects
from ironic_async_events.tests.unit.outbox import base as outbox_base

ERROR = OSError('no')


class JudgeTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()
        self.lines = self.useFixture(outbox_base.Log()).lines
        self.judge = judging.Judge(
            suspects.Suspects(
                mock.create_autospec(stored.Rows), 300.0, self.clock
            ),
            self.clock,
            most=16,
        )
        self.ids = iter(range(1, 10000))

    def row(self):
        id = next(self.ids)
        return stored.Row(id, str(id), str(id), '')

    def turn(self, refused, asked_all=False, passes=False, hung=False):
        """Refuse fresh messages until there were enough.

        :returns: how many were asked, and the pause
        """
        self.judge.begin()
        count = 0
        if passes:
            self.judge.confirmed(self.row(), lambda: 7)
        while self.judge.may_be_asked and count < refused:
            self.judge.refused(self.row(), ERROR, hung)
            count += 1
        self.judge.end(asked_all)
        pause = self.judge.seconds_to_retry()
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
        self.assertEqual({''}, self.judge.doubted)
        self.assertEqual(set(), self.judge.refusing)

    def test_it_is_the_bus_when_all_hang_and_fail(self):
        for _ in range(2):
            self.turn(1, hung=True, asked_all=True)
        self.assertEqual(1, len(self.lines('cannot reach')))

    def test_where_something_is_refused_others_go_first(self):
        self.turn(1)
        self.assertEqual({''}, self.judge.doubted)
        self.assertEqual({''}, self.judge.refusing)
        self.turn(0, passes=True)
        self.assertEqual(set(), self.judge.doubted)

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
        self.judge.begin()
        self.judge.confirmed(self.row(), lambda: 7)
        (line,) = self.lines('reaches the message bus again')
        self.assertIn('7 messages', line)
        due = self.judge.suspects.due((), ())
        self.assertEqual(len(self.judge.suspects), len(due))
        self.assertEqual({None}, {suspect.accused_at for suspect in due})

    def test_a_short_outage_that_nobody_saw_is_not_told(self):
        self.turn(100)
        self.turn(0, passes=True)
        self.assertEqual([], self.lines('bus'))

    def test_while_nobody_can_count_it_is_not_over(self):
        for _ in range(3):
            self.turn(1, asked_all=True)
        self.assertRaises(
            ZeroDivisionError,
            self.judge.confirmed,
            self.row(),
            lambda: 1 // 0,
        )
        self.judge.confirmed(self.row(), lambda: 7)
        self.assertEqual(1, len(self.lines('reaches the message bus again')))
