# SPDX-License-Identifier: Apache-2.0
"""Notifications in, metrics out."""

import collections
import importlib.util
import io
import random
import re

from oslotest import base
import testtools

from ironic_async_events.audit import memory
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import summary
from ironic_async_events.audit import table
from ironic_async_events.command import metrics
from ironic_async_events.tests.samples import recordings

#: It comes with the extra exporter.
needs_client = testtools.skipUnless(
    importlib.util.find_spec('prometheus_client'),
    'prometheus_client is not installed',
)
DURATIONS = f'{metrics.DURATION.name}_count'
STEPS = [
    ('manage', 'enroll', 'verifying'),
    ('done', 'verifying', 'manageable'),
    ('inspect', 'manageable', 'inspecting'),
    ('done', 'inspecting', 'manageable'),
]


def values(figures):
    """Return the values of the labels -> the value, by name of the metric."""
    found = {family.name: {} for family in metrics.FAMILIES}
    for metric in figures.collect():
        for sample in metric.samples:
            labels = tuple(sample.labels.values())
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@needs_client
class MetricsTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.figures = metrics.Metrics()

    def take(self, seen):
        self.figures.take(seen)
        return values(self.figures)

    def states(self):
        return values(self.figures)[metrics.NODES.name]

    def test_a_node_is_in_the_state_that_was_announced_last(self):
        for node in ('one', 'two'):
            self.take(recordings.observations(STEPS, node, 100.0))
        found = self.take(recordings.observations(STEPS[:3], 'three', 200.0))
        self.assertEqual(
            {('manageable',): 2, ('inspecting',): 1},
            found[metrics.NODES.name],
        )
        self.assertEqual(
            {
                ('one', 'manageable'): 100.4,
                ('two', 'manageable'): 100.4,
                ('three', 'inspecting'): 200.3,
            },
            found[metrics.SINCE.name],
        )

    def test_the_time_of_sending_counts(self):
        (seen,) = recordings.observations(STEPS[:1], 'one', 100.0)
        found = self.take([seen._replace(received=900.0)])
        self.assertEqual(
            {('one', 'verifying'): 100.1}, found[metrics.SINCE.name]
        )
        self.assertEqual({(): 900.0}, found[metrics.LAST.name])

    def test_a_repeat_is_counted_and_changes_no_state(self):
        seen = recordings.observations(STEPS)
        found = self.take([*seen, seen[2]])
        self.assertEqual({('manageable',): 1}, found[metrics.NODES.name])
        counts = found[metrics.NOTIFICATIONS.name]
        self.assertEqual(3, counts['provision_set', 'start'])
        self.assertEqual(1, found[metrics.VIOLATIONS.name]['duplicate',])
        self.assertEqual(1, found[DURATIONS]['inspect', 'done'])

    def test_creation_and_deletion(self):
        born, moved, *_rest = recordings.observations(STEPS, 'one')
        born = born._replace(
            kind='create',
            status='end',
            state='enroll',
            event=None,
            previous_state=None,
        )
        self.take([born])
        self.assertEqual({('enroll',): 1}, self.states())
        self.take([moved])
        self.assertEqual({('manageable',): 1}, self.states())
        # The conductor was faster than the API.
        self.take([born._replace(message_id='late')])
        self.assertEqual({('manageable',): 1}, self.states())
        gone = born._replace(kind='delete', message_id='gone')
        self.take([gone._replace(status='start', message_id='going')])
        self.assertEqual({('manageable',): 1}, self.states())
        self.take([gone])
        self.assertEqual({}, self.states())

    def gone(self, time, node='one', kind='delete'):
        (seen,) = recordings.observations(STEPS[:1], node, time)
        self.take(
            [
                seen._replace(
                    kind=kind,
                    status='end',
                    state='enroll',
                    event=None,
                    message_id=f'{kind} {node} {time}',
                )
            ]
        )

    def test_a_deleted_node_does_not_come_back_with_a_late_message(self):
        late = recordings.observations(STEPS, 'one', 100.0)
        self.gone(200.0)
        self.take([late[0]._replace(received=300.0)])
        self.gone(150.0, kind='create')
        # The clock of another conductor is ahead.
        self.take([late[1]._replace(time=201.0)])
        self.assertEqual({}, self.states())

    def test_a_node_with_the_uuid_of_a_deleted_node_counts(self):
        self.gone(200.0)
        self.gone(201.0, kind='create')
        self.assertEqual({('enroll',): 1}, self.states())
        self.take(recordings.observations(STEPS[:1], 'one', 202.0))
        self.assertEqual({('verifying',): 1}, self.states())
        # Where its creation was not announced.
        self.gone(300.0)
        self.take(recordings.observations(STEPS, 'one', 900.0))
        self.assertEqual({('manageable',): 1}, self.states())

    def test_deleted_nodes_take_a_bounded_memory(self):
        for number in range(memory.REMEMBERED + 10):
            self.gone(100.0 + number, f'node-{number}')
        self.assertEqual(memory.REMEMBERED, len(self.figures._deleted._nodes))
        (late,) = recordings.observations(STEPS[:1], f'node-{number}', 50.0)
        self.take([late])
        self.assertEqual({}, self.states())

    def test_names_that_ironic_does_not_know_are_one_label(self):
        for number in range(20):
            node = f'node-{number}'
            known = recordings.observations(STEPS[2:], node, 100.0)
            self.take([known[0]._replace(event=f'event-{number}'), known[1]])
            self.take(
                [
                    seen._replace(
                        state=f'state-{number}', message_id=f'late {number}'
                    )
                    for seen in recordings.observations(
                        STEPS[:1], f'other-{number}', 100.0
                    )
                ]
            )
        self.figures.know('node', 'state', 1.0)
        found = values(self.figures)
        self.assertEqual(
            {('manageable',): 20, ('other',): 21}, found[metrics.NODES.name]
        )
        self.assertEqual(
            {'manageable', 'other'},
            {state for _node, state in found[metrics.SINCE.name]},
        )
        self.assertEqual([('other', 'done')], list(found[DURATIONS]))

    def test_every_state_of_ironic_is_a_label(self):
        for state in table.STATES:
            self.figures.know(state, state, None)
        self.assertEqual(
            {(state,): 1 for state in table.STATES}, self.states()
        )

    def test_a_known_node_counts_until_a_notification_says_more(self):
        self.figures.know('node-1', 'available', 50.0)
        self.figures.know('node-2', None, None)
        self.assertEqual({('available',): 1, ('none',): 1}, self.states())
        # Since when is not known of each: 1970 would be an alarm.
        self.assertEqual(
            {('node-1', 'available'): 50.0},
            values(self.figures)[metrics.SINCE.name],
        )
        self.take(recordings.observations(STEPS, 'node-1'))
        self.assertEqual({('manageable',): 1, ('none',): 1}, self.states())

    def test_series_of_nodes_can_be_left_out(self):
        self.figures = metrics.Metrics(each_node=False)
        found = self.take(recordings.observations(STEPS))
        self.assertEqual({}, found[metrics.SINCE.name])
        self.assertEqual({('manageable',): 1}, found[metrics.NODES.name])

    def test_what_is_not_checked_is_counted(self):
        found = self.take(
            [obs.Ignored('x'), obs.Ignored('y'), obs.Malformed('z')]
        )
        self.assertEqual({(): 2}, found[metrics.IGNORED.name])
        self.assertEqual({(): 1}, found[metrics.MALFORMED.name])

    def test_numbers_of_a_second_kind_move_no_node(self):
        seen = recordings.observations(STEPS[:3])
        numbered = [
            one._replace(kind='provision_event', message_id=f'n{number}')
            for number, one in enumerate(seen)
        ]
        found = self.take(numbered)
        self.assertEqual({}, found[metrics.NODES.name])
        self.assertEqual(
            2, found[metrics.NOTIFICATIONS.name]['provision_event', 'start']
        )

    def test_a_late_notification_lets_no_counter_go_back(self):
        life = recordings.observations(
            [
                *STEPS[:2],
                ('provide', 'manageable', 'cleaning'),
                ('done', 'cleaning', 'available'),
                ('deploy', 'available', 'deploying'),
                ('done', 'deploying', 'active'),
                ('delete', 'active', 'deleting'),
                ('clean', 'deleting', 'cleaning'),
                ('done', 'cleaning', 'available'),
                ('deploy', 'available', 'deploying'),
                ('done', 'deploying', 'active'),
                ('rescue', 'active', 'rescuing'),
                ('done', 'rescuing', 'rescue'),
            ]
        )
        late = life.pop(2)
        found = self.take(life)
        self.assertEqual(1, found[metrics.VIOLATIONS.name]['lost',])
        found = self.take([late])
        self.assertEqual(1, found[metrics.VIOLATIONS.name]['lost',])
        self.assertEqual({(): 1}, found[metrics.LATE.name])
        self.assertEqual({(): 1}, found[metrics.MISSING.name])
        # It says where the node was, not where the node is.
        self.assertEqual({('rescue',): 1}, found[metrics.NODES.name])

    def test_the_figures_are_those_of_the_audit(self):
        text = io.StringIO()
        recordings.write(text, 20000, 50, seed=3, losses=0.01)
        seen = [obs.observe_line(line) for line in text.getvalue().split('\n')]
        dice = random.Random(5)
        for _ in range(100):
            here = dice.randrange(len(seen) - 60)
            seen.insert(here + dice.randrange(60), seen[here])
            seen.insert(here + 50, seen.pop(here))
        audit = summary.Audit()
        for one in seen:
            audit.take(one)
        audit.finish()
        self.take(seen)
        self.figures._note(self.figures._audit.finish())
        found = values(self.figures)
        late = found[metrics.LATE.name][()]
        expected = {kind.value: audit.counts[kind] for kind in audit.counts}
        got = {
            kind: count
            for (kind,), count in found[metrics.VIOLATIONS.name].items()
        }
        got['lost'] -= late
        self.assertEqual(expected, got)
        self.assertGreater(expected['lost'], 100)
        self.assertGreater(expected['out of order'], 10)
        self.assertEqual(100, expected['duplicate'])
        self.assertEqual(audit.missing, found[metrics.MISSING.name][()] - late)
        self.assertEqual(
            audit.checked, sum(found[metrics.NOTIFICATIONS.name].values())
        )
        self.assertEqual(
            collections.Counter(
                one.status for one in seen if isinstance(one, obs.Observation)
            ),
            {
                status: count
                for (_, status), count in found[
                    metrics.NOTIFICATIONS.name
                ].items()
            },
        )
        self.assertEqual({(): audit.malformed}, found[metrics.MALFORMED.name])


class FamiliesTest(base.BaseTestCase):
    def test_names_follow_the_conventions(self):
        for family in metrics.FAMILIES:
            self.assertTrue(re.fullmatch('ironic_[a-z_]+[a-z]', family.name))
            self.assertTrue(family.help.endswith('.'))

    @needs_client
    def test_every_family_has_values(self):
        names = [metric.name for metric in metrics.Metrics().collect()]
        self.assertEqual(
            [
                family.name.removesuffix('_total')
                for family in metrics.FAMILIES
            ],
            names,
        )
