# SPDX-License-Identifier: Apache-2.0
"""Tests of the lanes: side by side, and in order all the same."""

import threading

from oslotest import base

from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import message
from ironic_async_events.outbox import stored
from ironic_async_events.tests.unit import base as unit_base

PATIENCE = unit_base.PATIENCE


def rows(*names):
    return [
        stored.Row(number, name, name[0], name)
        for number, name in enumerate(names)
    ]


class TrainTestCase(base.BaseTestCase):
    def go(self, publish, *names, may=lambda: True, again=False):
        train = lanes.Train('a', rows(*names), may, lambda: again)
        return [(one.row.body, one.error) for one in train.go(publish)]

    def test_it_ends_with_a_refusal(self):
        error = OSError('no')

        def publish(body):
            if body == 'a2':
                raise error

        self.assertEqual(
            [('a1', None), ('a2', error)], self.go(publish, 'a1', 'a2', 'a3')
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
            raise OSError('no') if body == 'a1' else message.Unreadable()

        self.go(publish, 'a1', again=True)
        self.go(publish, 'a1', again=False)
        self.go(publish, 'a2', again=True)
        self.assertEqual(['a1', 'a1', 'a1', 'a2'], attempts)


class LanesTestCase(base.BaseTestCase):
    def lanes(self, publish, count):
        found = lanes.Lanes(publish, count)
        self.addCleanup(found.end)
        return found

    def go(self, found, *names, patience=PATIENCE):
        return found.go(
            rows(*names), lambda: True, lambda: False, lambda: patience
        )

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

    def test_a_publication_that_hangs_keeps_its_lane_only(self):
        gate = unit_base.Gate()
        self.addCleanup(gate.open)

        def publish(body):
            if body[0] == 'a':
                gate.pass_through()

        found = self.lanes(publish, 2)
        outcomes = self.go(found, 'a1', 'b2', 'c3', 'b4', 'd5')
        seen = {next(outcomes).row.body for _ in range(4)}
        self.assertEqual({'b2', 'b4', 'c3', 'd5'}, seen)
        gate.wait_for_arrival()
        outcomes.close()
        self.assertIn('a', found.busy)
        self.assertEqual(
            ['e6'], [x.row.body for x in self.go(found, 'e6') if x]
        )
        self.assertEqual({'a'}, found.busy)
        gate.open()
        # It comes late, and is told all the same.
        late = []
        while found.busy:
            late += self.go(found, 'f7')
        self.assertIn('a1', [x.row.body for x in late if x])

    def test_what_has_not_begun_is_taken_back(self):
        gate = unit_base.Gate()
        self.addCleanup(gate.open)
        published = []

        def publish(body):
            gate.pass_through()
            published.append(body)

        found = self.lanes(publish, 1)
        outcomes = self.go(found, 'a1', 'b2', patience=0.0)
        next(outcomes)
        gate.wait_for_arrival()
        outcomes.close()
        self.assertEqual({'a'}, found.busy)
        self.assertTrue(found.are_full)
        gate.open()
        while found.busy:
            list(self.go(found))
        self.assertEqual(['a1'], published)

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
