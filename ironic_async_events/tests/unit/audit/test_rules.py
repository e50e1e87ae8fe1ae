# SPDX-License-Identifier: Apache-2.0
"""The streaming checker, by what happens to nodes and conductors."""

import random

from oslotest import base

from ironic_async_events.audit import memory
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import rules
from ironic_async_events.audit.violation import Kind
from ironic_async_events.tests.samples import recordings

VERIFY = [
    ('manage', 'enroll', 'verifying'),
    ('done', 'verifying', 'manageable'),
]
INSPECT = [
    ('inspect', 'manageable', 'inspecting'),
    ('done', 'inspecting', 'manageable'),
]
DEPLOY = [
    ('provide', 'manageable', 'cleaning'),
    ('done', 'cleaning', 'available'),
    ('deploy', 'available', 'deploying'),
    ('wait', 'deploying', 'wait call-back'),
    ('resume', 'wait call-back', 'deploying'),
    ('done', 'deploying', 'active'),
]


def lines(violations):
    """Violations as text, to compare whole lists."""
    return [f'{one.kind.value}: {one.detail}' for one in violations]


class RulesTest(base.BaseTestCase):
    def check(self, expected, observations, **options):
        options.setdefault('complete', True)
        self.assertEqual(
            expected, lines(recordings.check(observations, **options))
        )

    def test_a_life_without_fault_is_clean(self):
        self.check([], recordings.observations(VERIFY + INSPECT + DEPLOY))

    def test_a_gap_says_from_where_to_where_and_how_many_at_least(self):
        life = recordings.observations(VERIFY + DEPLOY)
        del life[2:6]
        (found,) = recordings.check(life)
        self.assertEqual(
            "nothing told how the node came from 'manageable' to "
            "'wait call-back'",
            found.detail,
        )
        self.assertEqual(life[2], found.observation)
        self.assertEqual(4, found.missing)

    def test_an_end_that_stock_never_sends_is_lost(self):
        life = recordings.observations(VERIFY + INSPECT * 20)
        del life[11]
        self.check(
            [
                "lost: nothing told how the node came from 'inspecting' to "
                "'manageable'"
            ],
            life,
        )

    def test_an_end_that_stock_sends_before_the_start_is_out_of_order(self):
        life = recordings.observations(VERIFY + INSPECT * 20)
        start, end = life[10:12]
        life[10:12] = [
            end._replace(time=start.time),
            start._replace(time=end.time),
        ]
        self.check(
            [
                'out of order: arrived after inspecting -done-> manageable '
                '(end), which follows it'
            ],
            life,
        )

    def test_a_start_that_shows_what_the_worker_wrote_is_illegal(self):
        life = recordings.observations(VERIFY + INSPECT * 3)
        life[4] = life[4]._replace(state='manageable', status='success')
        self.check(
            [
                "illegal: 'inspect' makes inspecting of 'manageable', "
                "not 'manageable'"
            ],
            life,
        )

    def test_a_repetition_is_a_duplicate_once_each_time(self):
        life = recordings.observations(VERIFY)
        self.check(
            ['duplicate: message node-1-1 was received before'] * 2,
            [life[0], life[0], life[1], life[0]],
        )

    def test_a_message_that_comes_much_too_late_fills_its_gap(self):
        more = [
            ('delete', 'active', 'deleting'),
            ('clean', 'deleting', 'cleaning'),
            ('done', 'cleaning', 'available'),
            ('deploy', 'available', 'deploying'),
            ('done', 'deploying', 'active'),
            ('rescue', 'active', 'rescuing'),
            ('done', 'rescuing', 'rescue'),
        ]
        life = recordings.observations(VERIFY + DEPLOY + more)
        late = life.pop(2)
        found = recordings.check([*life, late])
        self.assertEqual(
            [(Kind.LOST, False), (Kind.OUT_OF_ORDER, True)],
            [(one.kind, one.fills) for one in found],
        )

    def test_joining_anywhere_is_clean(self):
        life = recordings.observations(VERIFY + INSPECT + DEPLOY)
        for start in range(len(life)):
            self.check([], life[start:])

    def test_a_conductor_that_restarts_is_clean(self):
        life = recordings.observations(VERIFY + INSPECT[:1])
        # The next conductor fails what the last one left, by its own clock.
        failed = recordings.observations(
            [('fail', 'inspecting', 'inspect failed')], first=-50.0
        )
        other = failed[0]._replace(
            publisher='ironic-conductor.two', message_id='x'
        )
        self.check([], [*life, other])

    def test_a_clock_that_steps_back_is_clean(self):
        life = recordings.observations(VERIFY + INSPECT + DEPLOY)
        for at in range(len(life)):
            stepped = life[:at] + [
                one._replace(time=one.time - 30) for one in life[at:]
            ]
            self.check([], stepped)

    def test_a_node_created_again_under_its_uuid_is_clean(self):
        old = recordings.observations(VERIFY + INSPECT)
        again = recordings.observations(VERIFY, first=9.0, created='c2')
        new = [one._replace(message_id=one.message_id + 'b') for one in again]
        self.check([], old + new)
        # ... also if its notifications do not say when it was created,
        self.check([], [one._replace(created=None) for one in old + new])
        # ... and if it was at work when it was deleted by force.
        self.check([], old[:3] + new)

    def test_a_node_whose_deletion_was_announced_is_forgotten(self):
        life = recordings.observations(VERIFY + INSPECT[:1])
        gone = life[-1]._replace(
            message_id='gone', kind='delete', status='end'
        )
        checker = rules.Checker(unfinished_after=60)
        for one in life[:2]:
            self.assertEqual([], checker.add(one))
        self.assertEqual(1, checker.nodes)
        self.assertEqual([], checker.add(gone))
        self.assertEqual(0, checker.nodes)
        self.assertEqual([], checker.finish(complete=True))

    def test_after_an_announced_creation_the_first_loss_is_seen(self):
        life = recordings.observations(VERIFY)
        born = life[0]._replace(
            message_id='born', kind='create', status='end', state='enroll'
        )
        self.check([], [born, *life])
        self.check(
            [
                "lost: nothing told how the node came from 'enroll' to "
                "'verifying'"
            ],
            [born, life[1]],
        )

    def test_a_creation_that_is_announced_late_changes_nothing(self):
        life = recordings.observations(VERIFY)
        born = life[0]._replace(
            message_id='born', kind='create', status='end', state='enroll'
        )
        self.check([], [life[0], born, life[1]])

    def test_events_and_states_of_newer_ironics_are_clean(self):
        steps = [
            ('polish', 'manageable', 'polishing'),
            ('rub', 'polishing', 'rubbing'),
            ('done', 'rubbing', 'manageable'),
            *INSPECT,
        ]
        self.check([], recordings.observations(steps))

    def test_losses_among_new_states_are_seen(self):
        steps = [
            ('polish', 'manageable', 'polishing'),
            ('rub', 'polishing', 'rubbing'),
            ('done', 'rubbing', 'manageable'),
        ]
        life = recordings.observations(steps)
        del life[1]
        (found,) = recordings.check(life)
        self.assertEqual((Kind.LOST, None), (found.kind, found.missing))

    def test_kinds_of_notifications_do_not_mix(self):
        life = recordings.observations(VERIFY + INSPECT)
        both = []
        for number, one in enumerate(life, 1):
            both.append(one)
            both.append(
                one._replace(
                    message_id=f'e{number}',
                    kind='provision_event',
                    sequence=number,
                )
            )
        self.check([], both)


class UnfinishedTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.life = recordings.observations(VERIFY + DEPLOY)

    def test_is_reported_once_when_its_time_has_come(self):
        checker = rules.Checker(unfinished_after=60)
        for one in self.life[:6]:
            self.assertEqual([], checker.add(one))
        start = self.life[4].time
        self.assertEqual([], checker.advance(start + 59))
        self.assertEqual(
            ["unfinished: in 'deploying' for 60 s, and no end"],
            lines(checker.advance(start + 60)),
        )
        self.assertEqual([], checker.advance(start + 600))
        # It goes on, late, waits again, and is not reported again.
        later = self.life[6]._replace(time=start + 601)
        self.assertEqual([], checker.add(later))
        self.assertEqual([], checker.advance(start + 6000))
        self.assertEqual([], checker.finish())

    def test_other_nodes_let_time_pass(self):
        checker = rules.Checker(unfinished_after=60)
        checker.add(self.life[0])
        other = self.life[1]._replace(
            node='node-2', time=self.life[0].time + 61
        )
        self.assertEqual(
            ["unfinished: in 'verifying' for 61 s, and no end"],
            lines(checker.add(other)),
        )

    def test_nothing_is_expected_to_end_unless_asked(self):
        self.assertEqual([], recordings.check(self.life[:1]))

    def test_an_operation_that_failed_has_ended(self):
        failed = recordings.observations(
            [
                ('inspect', 'manageable', 'inspecting'),
                ('fail', 'inspecting', 'inspect failed'),
            ]
        )
        self.assertEqual([], recordings.check(failed, complete=True))


class HoldTest(base.BaseTestCase):
    def test_what_does_not_fit_is_held_for_a_while_only(self):
        life = recordings.observations(VERIFY + INSPECT)
        checker = rules.Checker(hold=10)
        checker.add(life[0])
        self.assertEqual([], checker.add(life[2]))
        self.assertEqual(1, checker.held)
        self.assertEqual([], checker.advance(life[2].time + 9))
        self.assertEqual(
            [
                "lost: nothing told how the node came from 'verifying' to "
                "'manageable'"
            ],
            lines(checker.advance(life[2].time + 10)),
        )
        self.assertEqual(0, checker.held)

    def test_what_is_kept_of_a_node_is_bounded(self):
        dice = random.Random(1)
        life = recordings.observations(recordings.walk(dice, 2000))
        dice.shuffle(life)
        checker = rules.Checker(hold=1e9)
        for one in life:
            checker.add(one)
            (track,) = checker._tracks.values()
            self.assertLessEqual(len(track.chain.window), 8)
            self.assertLessEqual(len(track.chain._gaps), 4)

    def test_how_many_ids_are_kept_is_bounded(self):
        recent = memory.RecentIds()
        for number in range(5 * memory.KEPT):
            self.assertFalse(recent.repeats(str(number)))
            self.assertLessEqual(len(recent._ids), memory.KEPT)
        # The last ones are still known, the first ones are not.
        self.assertTrue(recent.repeats(str(4 * memory.KEPT)))
        self.assertFalse(recent.repeats('0'))


class NumberedTest(base.BaseTestCase):
    """With sequence numbers neither states nor the machine matter."""

    def setUp(self):
        super().setUp()
        self.life = [
            obs.Observation(
                f'm{number}',
                'n',
                'provision_event',
                'success',
                'spin',
                'round',
                'round',
                sequence=number,
            )
            for number in range(1, 21)
        ]

    def check(self, expected, observations):
        self.assertEqual(expected, lines(recordings.check(observations)))

    def test_joining_anywhere_is_clean(self):
        for start in range(20):
            self.check([], self.life[start:])

    def test_every_loss_in_between_is_exact(self):
        for start in range(1, 19):
            for end in range(start + 1, 20):
                left = self.life[:start] + self.life[end:]
                (found,) = recordings.check(left)
                self.assertEqual(
                    (Kind.LOST, end - start), (found.kind, found.missing)
                )

    def test_every_swap_is_out_of_order(self):
        for at in range(1, 19):
            life = list(self.life)
            life[at : at + 2] = reversed(life[at : at + 2])
            self.check(
                [
                    f'out of order: number {at + 1} arrived after '
                    f'number {at + 2}'
                ],
                life,
            )

    def test_every_repetition_under_another_id_is_a_duplicate(self):
        for at in range(20):
            again = self.life[at]._replace(message_id='again')
            self.check(
                [f'duplicate: number {at + 1} was received or passed before'],
                [*self.life, again],
            )

    def test_one_that_comes_much_too_late_fills_its_gap(self):
        late = self.life.pop(5)
        found = recordings.check([*self.life, late])
        self.assertEqual(
            [(Kind.LOST, False), (Kind.OUT_OF_ORDER, True)],
            [(one.kind, one.fills) for one in found],
        )

    def test_a_node_created_again_unannounced_begins_anew(self):
        old = [
            one._replace(
                message_id=f'{one.message_id}n',
                kind='provision_event',
                sequence=number,
                created=None,
            )
            for number, one in enumerate(
                recordings.observations(VERIFY + INSPECT), 1
            )
        ]
        new = [one._replace(message_id=f'{one.message_id}b') for one in old]
        self.check([], old + new)
        self.check(
            ['duplicate: message node-1-1n was received before'],
            [*old, old[0], *new],
        )

    def test_a_node_created_again_begins_anew(self):
        again = [
            one._replace(message_id=f'a{one.sequence}', created='c2')
            for one in self.life
        ]
        self.check(
            [], [one._replace(created='c1') for one in self.life] + again
        )
