# SPDX-License-Identifier: Apache-2.0
"""Tests of the lanes: side by side, and in order all the same."""

import threading

from oslotest import base

from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import store
from ironic_async_events.tests.unit import base as unit_base

PATIENCE = unit_base.PATIENCE


def rows(*names):
    return [
        store.Row(number, name, name[0], name)
        for number, name in enumerate(names)
    ]


class LaneTestCase(base.BaseTestCase):
    def go(self, publish, *names, may=lambda: True, again=False):
        return [
            (one.row.body, one.error)
            for one in lanes.Lane(publish).go(rows(*names), may, again)
        ]

    def test_after_a_refusal_its_subject_waits(self):
        error = OSError('no')

        def publish(body):
            if body == 'a1':
                raise error

        self.assertEqual(
            [('a1', error), ('b2', None)], self.go(publish, 'a1', 'b2', 'a3')
        )

    def test_it_asks_before_each(self):
        answers = [True, True, False]
        found = self.go(
            lambda body: None, 'a1', 'a2', 'a3', may=lambda: answers.pop(0)
        )
        self.assertEqual([('a1', None), ('a2', None)], found)

    def test_a_broken_connection_is_tried_twice_but_not_a_bad_message(self):
        attempts = []

        def publish(body):
            attempts.append(body)
            raise OSError('no') if body[0] == 'b' else ValueError('bad')

        self.go(publish, 'a1', 'b2', 'b3', 'c4', again=True)
        self.assertEqual(['a1', 'b2', 'c4'], attempts)
        del attempts[:]
        self.go(publish, 'b2', 'b3', 'b4', again=True)
        self.assertEqual(['b2', 'b2'], attempts)


class LanesTestCase(base.BaseTestCase):
    def lanes(self, publish, count):
        found = lanes.Lanes(publish, count)
        self.addCleanup(found.end)
        return found

    def go(self, found, *names, patience=PATIENCE):
        return found.go(rows(*names), lambda: True, False, lambda: patience)

    def test_subjects_are_published_side_by_side(self):
        together = threading.Barrier(2)

        def publish(body):
            together.wait(PATIENCE)

        found = self.lanes(publish, 2)
        outcomes = list(self.go(found, 'a1', 'b2'))
        self.assertEqual([None, None], [x.error for x in outcomes])

    def test_there_are_no_more_lanes_than_were_needed(self):
        threads = set()

        def publish(body):
            threads.add(threading.get_ident())

        found = self.lanes(publish, 4)
        for _ in range(3):
            list(self.go(found, 'a1', 'a2', 'a3'))
        self.assertEqual(1, len(threads))

    def test_a_subject_with_much_to_say_has_a_lane_for_itself(self):
        found = self.lanes(lambda body: None, 2)
        shares = found._shares(rows('a1', 'b2', 'a3', 'a4', 'c5'))
        self.assertEqual(
            [['a1', 'a3', 'a4'], ['b2', 'c5']],
            [[row.body for row in share] for share in shares],
        )

    def test_one_subject_is_published_in_order(self):
        published = []
        names = [
            f'{subject}{number}'
            for number in range(50)
            for subject in 'abcdefg'
        ]
        found = self.lanes(published.append, 4)
        outcomes = list(self.go(found, *names))
        self.assertEqual(len(names), len(outcomes))
        for subject in 'abcdefg':
            self.assertEqual(
                [name for name in names if name[0] == subject],
                [name for name in published if name[0] == subject],
            )

    def test_impatience_is_told(self):
        gate = unit_base.Gate()
        self.addCleanup(gate.open)
        found = self.lanes(lambda body: gate.pass_through(), 1)
        outcomes = self.go(found, 'a1', patience=0.0)
        self.assertIsNone(next(outcomes))
        gate.open()
        self.assertEqual(
            ['a1'], [x.row.body for x in outcomes if x is not None]
        )

    def test_a_lane_is_used_again(self):
        found = self.lanes(lambda body: None, 2)
        for _ in range(3):
            self.assertEqual(2, len(list(self.go(found, 'a1', 'b2'))))
