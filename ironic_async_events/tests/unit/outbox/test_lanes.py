# SPDX-License-Identifier: Apache-2.0
"""Tests of the lanes: side by side, and in order all the same."""

import threading

import fixtures
from oslotest import base

from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import stored
from ironic_async_events.tests.unit import base as unit_base
from ironic_async_events.tests.unit.outbox import base as outbox_base

PATIENCE = unit_base.PATIENCE


def rows(*names):
    return [
        stored.Row(number, name[0], name) for number, name in enumerate(names)
    ]


class TrainTestCase(base.BaseTestCase):
    def go(self, publish, *names, may=lambda: True):
        one = lanes.Lanes(publish, 1, outbox_base.Clock())
        train = lanes.Train('a', '', may, rows(*names))
        return [(x[0].body, x[1]) for x in one._publish_some(train)]

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


class LanesTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()

    def lanes(self, publish, count):
        found = lanes.Lanes(publish, count, self.clock)
        self.addCleanup(found.end)
        return found

    def go(self, found, *names, destination='', share=1):
        return found.go(
            [row._replace(destination=destination) for row in rows(*names)],
            lambda: True,
            share,
        )

    def hang(self, found, *names, **more):
        """Publish what hangs; the gate says when it has begun."""
        outcomes = self.go(found, *names, **more)
        self.assertIsNone(next(outcomes))
        self.clock.now += lanes.HANGS
        return [x[0].body for x in outcomes if x is not None]

    def test_subjects_are_published_side_by_side(self):
        together = threading.Barrier(2)

        def publish(body):
            together.wait(PATIENCE)

        found = self.lanes(publish, 2)
        outcomes = list(self.go(found, 'a1', 'b2'))
        self.assertEqual([None, None], [error for _, error, _ in outcomes])

    def test_there_are_no_more_lanes_than_were_needed(self):
        threads = set()

        def publish(body):
            threads.add(threading.get_ident())

        found = self.lanes(publish, 4)
        for _ in range(3):
            list(self.go(found, 'a1', 'a2', 'a3'))
        self.assertEqual(1, len(threads))

    def gated(self, count):
        """Make lanes that publish nothing about a before the gate opens."""
        gate = unit_base.Gate()
        self.addCleanup(gate.open)

        def publish(body):
            if body[0] == 'a':
                gate.pass_through()

        return gate, self.lanes(publish, count)

    def test_another_thread_takes_the_place_of_a_lane_that_hangs(self):
        gate, found = self.gated(1)
        self.assertEqual([], self.hang(found, 'a1'))
        self.assertEqual({'a'}, found.busy)
        self.assertEqual(
            ['b2', 'c3'], [x[0].body for x in self.go(found, 'b2', 'c3') if x]
        )
        self.assertEqual(2, found._threads)
        gate.open()
        # It comes late, and is told all the same.
        late = []
        while found.busy:
            late += self.go(found)
        self.assertEqual(
            [('a1', True)], [(x[0].body, x[2]) for x in late if x]
        )
        # The thread in its place ends.
        list(self.go(found))
        self.assertEqual(1, found._threads)

    def test_others_go_on_while_it_is_not_known_whether_it_hangs(self):
        _, found = self.gated(2)
        outcomes = self.go(found, 'a1', 'b2', 'c3', 'b4', 'd5')
        seen = [x[0].body for x in iter(lambda: next(outcomes), None)]
        self.assertEqual({'b2', 'b4', 'c3', 'd5'}, set(seen))

    def test_what_hangs_leaves_room_for_others(self):
        gate = unit_base.Gate()
        self.addCleanup(gate.open)
        self.useFixture(fixtures.MockPatchObject(lanes, '_MOST', 8))
        found = self.lanes(lambda body: gate.pass_through(), 2)
        closed = []
        names = iter('abcdefghijklmnopqrstuvwxyz')
        for destination in 'xyz':
            for _ in range(4):
                self.hang_some(found, names, destination)
            closed.append(found.hanging[destination])
            self.assertIn(destination, found.closed)
        self.assertEqual([4, 2, 1], closed)

    def hang_some(self, found, names, destination):
        two = [f'{next(names)}1' for _ in range(2)]
        outcomes = self.go(found, *two, destination=destination)
        if next(outcomes, 'nothing was published') is None:
            self.clock.now += lanes.HANGS
            list(outcomes)

    def test_suspects_use_a_share_of_the_lanes(self):
        gate = unit_base.Gate()
        self.addCleanup(gate.open)
        found = self.lanes(lambda body: gate.pass_through(), 4)
        outcomes = self.go(found, 'a1', 'b2', 'c3', share=2)
        next(outcomes)
        self.assertEqual(2, len(found.busy))

    def test_a_train_ends_where_the_destination_changes(self):
        published = []
        found = self.lanes(published.append, 2)
        a, b, c = rows('a1', 'a2', 'a3')
        b = b._replace(destination='other')
        list(found.go([a, b, c], lambda: True))
        self.assertEqual(['a1'], published)
        self.assertEqual(set(), {*found.busy})

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

    def test_a_lane_is_used_again(self):
        found = self.lanes(lambda body: None, 2)
        for _ in range(3):
            self.assertEqual(2, len(list(self.go(found, 'a1', 'b2'))))
