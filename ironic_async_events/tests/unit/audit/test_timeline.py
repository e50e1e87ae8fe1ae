# SPDX-License-Identifier: Apache-2.0
"""Recordings as lives to draw, and as counts."""

from oslotest import base

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import summary
from ironic_async_events.audit import timeline
from ironic_async_events.audit.violation import Kind
from ironic_async_events.tests.samples import recordings

STEPS = [
    ('inspect', 'manageable', 'inspecting'),
    ('done', 'inspecting', 'manageable'),
    ('inspect', 'manageable', 'inspecting'),
    ('done', 'inspecting', 'manageable'),
]


class TimelineTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.life = [
            one._replace(time=float(number))
            for number, one in enumerate(recordings.observations(STEPS))
        ]

    def test_states_follow_each_other_until_the_end(self):
        (life,) = timeline.lives(self.life, until=5.0)
        self.assertEqual(
            (
                timeline.Span('inspecting', 0.0, 1.0),
                timeline.Span('manageable', 1.0, 2.0),
                timeline.Span('inspecting', 2.0, 3.0),
                timeline.Span('manageable', 3.0, 5.0),
            ),
            life.spans,
        )
        self.assertEqual(
            ['start', 'end', 'start', 'end'],
            [mark.status for mark in life.marks],
        )
        self.assertEqual((), life.flags)

    def test_where_something_was_lost_the_span_is_not_sure(self):
        del self.life[1]
        found = recordings.check(self.life)
        (life,) = timeline.lives(self.life, found)
        self.assertEqual(
            (
                timeline.Span('inspecting', 0.0, 2.0, sure=False),
                timeline.Span('inspecting', 2.0, 3.0),
            ),
            life.spans,
        )
        self.assertEqual(
            [(2.0, Kind.LOST)], [(one.time, one.kind) for one in life.flags]
        )

    def test_lives_end_together(self):
        other = self.life[0]._replace(node='node-2')
        first, second = timeline.lives([other, *self.life])
        self.assertEqual('node-2', first.node)
        self.assertEqual(3.0, first.spans[-1].end)
        self.assertEqual(3.0, second.spans[-1].end)

    def test_no_time_and_time_that_steps_back_are_survived(self):
        self.life[1] = self.life[1]._replace(time=None)
        self.life[3] = self.life[3]._replace(time=0.5)
        (life,) = timeline.lives(self.life)
        self.assertEqual([0.0, 0.0, 2.0, 2.0], [x.time for x in life.marks])

    def test_nothing_is_no_life(self):
        self.assertEqual([], timeline.lives([obs.Malformed('x')]))


class SummaryTest(base.BaseTestCase):
    def test_counts_everything_once(self):
        life = recordings.observations(STEPS * 5)
        audit = summary.Audit()
        for one in [
            *life[:3],
            *life[4:],
            life[-1],
            obs.Ignored('x'),
            obs.Malformed('y'),
            obs.Malformed('y'),
        ]:
            audit.take(one)
        audit.finish()
        self.assertEqual(
            {
                'messages': 23,
                'checked': 20,
                'ignored': 1,
                'malformed': 2,
                'lost': 1,
                'out of order': 0,
                'duplicate': 1,
                'illegal': 0,
                'unfinished': 0,
                'missing at least': 1,
            },
            dict(audit.rows()),
        )
        self.assertEqual({'y': 2}, dict(audit.reasons))
        self.assertFalse(audit.clean)

    def test_malformed_messages_are_no_violations(self):
        audit = summary.Audit()
        audit.take(obs.Malformed('x'))
        self.assertTrue(audit.clean)

    def test_a_loss_that_was_filled_is_none(self):
        numbered = [
            obs.Observation(
                f'm{number}',
                'n',
                'provision_event',
                'success',
                'e',
                's',
                's',
                sequence=number,
            )
            for number in range(1, 10)
        ]
        late = numbered.pop(4)
        audit = summary.Audit()
        for one in [*numbered, late]:
            audit.take(one)
        audit.finish()
        self.assertEqual(0, audit.counts[Kind.LOST])
        self.assertEqual(0, audit.missing)
        self.assertEqual(1, audit.counts[Kind.OUT_OF_ORDER])

    def test_what_is_kept_is_bounded(self):
        audit = summary.Audit()
        for number in range(3000):
            audit.take(obs.Malformed(f'reason {number}'))
        (one,) = recordings.observations(STEPS[:1])
        for _again in range(3000):
            audit.take(one)
        self.assertEqual(3000, audit.malformed)
        self.assertEqual(2999, audit.counts[Kind.DUPLICATE])
        self.assertEqual(summary.KEPT, len(audit.reasons))
        self.assertEqual(summary.KEPT, len(audit.violations))
