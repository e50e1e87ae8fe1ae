# SPDX-License-Identifier: Apache-2.0
"""The soak's choice of faults, and what it makes of what it saw."""

import collections
import datetime

from oslotest import base

from ironic_async_events.audit import observation
from laboratory import truth
from laboratory import wanderer
from laboratory import witness
from laboratory.soak import account
from laboratory.soak import faults
from laboratory.soak import half
from laboratory.soak import load
from laboratory.soak import logs
from laboratory.soak import result

NODE = '11111111-2222-3333-4444-555555555555'
OTHER = '66666666-7777-8888-9999-000000000000'
START = ('manageable', 'inspecting')
END = ('inspecting', 'manageable')


def seen(number, at, step, node=NODE):
    before, state = step
    return witness.Seen(number, node, before, state, None, None, at)


def announced(at, step, node=NODE, message=None):
    before, state = step
    return observation.Observation(
        message_id=message or f'{node}/{at}',
        node=node,
        kind='provision_set',
        status='start',
        event='inspect' if state == 'inspecting' else 'done',
        previous_state=before,
        state=state,
        time=at,
    )


def struck(name, began=100.0, ended=110.0, victim=None, number=1):
    return faults.Struck(number, name, victim, began, ended, '')


def operation(verb='inspect', asked_at=10.0, **more):
    return load.Operation(
        NODE, verb, 'manageable', asked_at, asked_at + 0.1, **more
    )


class Plan(base.BaseTestCase):
    """Which fault comes when."""

    def test_a_seed_gives_the_same_faults_again(self):
        self.assertEqual(faults.plan(7, 30), faults.plan(7, 30))

    def test_another_seed_gives_others(self):
        self.assertNotEqual(faults.plan(7, 30), faults.plan(8, 30))

    def test_a_longer_run_begins_like_a_shorter_one(self):
        self.assertEqual(faults.plan(7, 4), faults.plan(7, 30)[:4])

    def test_every_fault_comes_once_in_each_round(self):
        count = len(faults.FAULTS)
        names = [one.name for one in faults.plan(7, 3 * count)]
        for begin in range(0, 3 * count, count):
            self.assertEqual(
                sorted(faults.FAULTS), sorted(names[begin : begin + count])
            )

    def test_both_conductors_are_victims(self):
        self.assertEqual(
            set(range(faults.CONDUCTORS)),
            {one.victim for one in faults.plan(7, 30)},
        )

    def test_some_of_the_killed_come_back_before_they_are_missed(self):
        plan = half.Plan(half.PLUGIN, 30, 60, 200, 16, 1, 7)
        away = [
            faults.away(one, half.SHARE * plan.interval)
            for one in faults.plan(7, 150)
            if one.name == faults.KILL
        ]
        missed = {one > plan.heartbeat_timeout for one in away}
        self.assertEqual({True, False}, missed)


class Unannounced(base.BaseTestCase):
    """Which of equal changes a lost notification belonged to."""

    CHANGES = (
        seen(1, 10.0, START),
        seen(2, 11.0, END),
        seen(3, 20.0, START),
        seen(4, 21.0, END),
    )

    def test_nothing_is_lost_where_each_was_announced(self):
        told = [
            announced(10.01, START),
            announced(11.01, END),
            announced(20.01, START),
            announced(21.01, END),
        ]
        self.assertEqual([], account.unannounced(self.CHANGES, told))

    def test_the_time_tells_equal_changes_apart(self):
        told = [announced(20.01, START), announced(21.01, END)]
        self.assertEqual(
            [1, 2], [x.id for x in account.unannounced(self.CHANGES, told)]
        )

    def test_another_node_announces_nothing(self):
        told = [announced(10.01, START, OTHER)]
        self.assertEqual(
            [1], [x.id for x in account.unannounced(self.CHANGES[:1], told)]
        )

    def test_a_notification_of_another_step_announces_nothing(self):
        told = [announced(10.01, END)]
        self.assertEqual(
            [1], [x.id for x in account.unannounced(self.CHANGES[:1], told)]
        )


class Reasons(base.BaseTestCase):
    """In which fault something was lost, and why."""

    def explain(self, at, fault, *moved, given_up=()):
        found = account.explain(seen(1, at, START), [fault], moved, given_up)
        self.assertEqual(found.fault is None, found.reason == account.UNKNOWN)
        return found.reason

    def moved(self, conductor, at=99.91):
        return logs.Line(conductor, at, NODE, *START)

    def test_saved_and_logged_by_the_one_that_was_killed(self):
        kill = struck(faults.KILL, victim=1)
        self.assertEqual(
            account.KILLED, self.explain(99.9, kill, self.moved(1))
        )

    def test_saved_and_not_even_logged(self):
        kill = struck(faults.KILL, victim=1)
        self.assertEqual(account.KILLED, self.explain(99.9, kill))

    def test_a_kill_is_no_reason_for_what_the_other_one_lost(self):
        kill = struck(faults.KILL, victim=1)
        self.assertEqual(
            account.UNKNOWN, self.explain(99.9, kill, self.moved(0))
        )

    def test_a_kill_is_no_reason_for_what_was_lost_long_before(self):
        self.assertEqual(
            account.UNKNOWN, self.explain(80.0, struck(faults.KILL, victim=1))
        )

    def test_a_kill_is_no_reason_for_what_came_after_it(self):
        self.assertEqual(
            account.UNKNOWN, self.explain(105.0, struck(faults.KILL, victim=1))
        )

    def test_given_up_while_the_broker_was_away(self):
        self.assertEqual(
            account.GIVEN_UP,
            self.explain(
                105.0,
                struck(faults.BROKER),
                self.moved(0, 105.01),
                given_up=[self.moved(0, 105.02)],
            ),
        )

    def test_a_broker_that_was_away_is_no_reason_by_itself(self):
        self.assertEqual(
            account.UNKNOWN,
            self.explain(105.0, struck(faults.BROKER), self.moved(0, 105.01)),
        )

    def test_what_was_given_up_was_not_lost_in_a_kill(self):
        self.assertEqual(
            account.UNKNOWN,
            self.explain(
                99.9,
                struck(faults.KILL, victim=1),
                self.moved(1),
                given_up=[self.moved(1, 99.92)],
            ),
        )

    def test_another_step_of_the_node_was_given_up(self):
        other = logs.Line(0, 105.02, NODE, *END)
        self.assertEqual(
            account.UNKNOWN,
            self.explain(105.0, struck(faults.BROKER), given_up=[other]),
        )

    def test_the_answer_to_a_commit_that_nobody_knew_of(self):
        self.assertEqual(
            account.ANSWER, self.explain(105.0, struck(faults.DATABASE))
        )

    def test_who_logged_a_change_had_the_answer_to_its_commit(self):
        self.assertEqual(
            account.UNKNOWN,
            self.explain(
                105.0, struck(faults.DATABASE), self.moved(0, 105.01)
            ),
        )

    def test_a_full_pool_and_a_signal_are_no_reasons(self):
        for name in (faults.POOL, faults.SIGHUP):
            self.assertEqual(
                account.UNKNOWN, self.explain(105.0, struck(name, victim=0))
            )

    def test_the_evidence_says_how_long_before_the_kill(self):
        found = account.explain(
            seen(1, 99.9, START),
            [struck(faults.KILL, victim=1)],
            [self.moved(1, 99.902)],
            [],
        )
        self.assertEqual(
            'logged by conductor 1 2 ms after it was saved, '
            'killed 100 ms after it',
            found.evidence,
        )


class Left(base.BaseTestCase):
    """In which fault the worker of a node was lost."""

    def test_in_the_first_kill_after_its_last_change(self):
        kills = [
            struck(faults.KILL, began, began + 9, 1, number)
            for number, began in enumerate((100.0, 200.0, 300.0), 1)
        ]
        self.assertEqual(kills[1], account.worker_lost_in(150.0, False, kills))

    def test_a_lock_is_not_left_by_a_kill(self):
        kill, restart = struck(faults.KILL), struck(faults.DATABASE)
        self.assertEqual(
            restart, account.worker_lost_in(50.0, True, [kill, restart])
        )

    def test_nobody_loses_a_worker_to_a_signal(self):
        self.assertIsNone(
            account.worker_lost_in(50.0, False, [struck(faults.SIGHUP)])
        )

    def test_a_fault_that_was_over_took_no_worker(self):
        self.assertIsNone(
            account.worker_lost_in(150.0, False, [struck(faults.KILL)])
        )


class Operations(base.BaseTestCase):
    """What became of what was accepted."""

    def test_the_end_of_every_verb_is_known(self):
        verbs = {verb for ways in wanderer.WAYS.values() for verb, _ in ways}
        self.assertEqual(set(), verbs - load.ENDS.keys())

    def test_one_that_came_to_its_end(self):
        one = operation(ended_at=12.0, state='manageable')
        self.assertTrue(one.is_accounted_for)

    def test_one_that_failed_and_says_why(self):
        one = operation(ended_at=12.0, state='inspect failed', reason='why')
        self.assertTrue(one.is_accounted_for)

    def test_one_that_failed_and_does_not_say_why(self):
        one = operation(ended_at=12.0, state='inspect failed')
        self.assertFalse(one.is_accounted_for)

    def test_one_that_never_ended(self):
        self.assertFalse(
            operation(reason='of an earlier one').is_accounted_for
        )

    def test_one_that_saved_nothing(self):
        saved = operation(ended_at=12.0, state='manageable')
        nothing = operation(asked_at=20.0, ended_at=22.0, state='manageable')
        changes = [
            seen(1, 10.05, START),
            seen(2, 11.0, END),
            seen(3, 30.0, START),
        ]
        self.assertEqual(
            [nothing], account.not_saved([saved, nothing], changes)
        )


class Logs(base.BaseTestCase):
    """What a conductor's log says."""

    LINE = (
        '2026-01-02 03:04:05.250 77 INFO ironic.conductor.task_manager '
        f'[None req-1 - - - - -] Node {NODE} moved to provision state '
        '"inspecting" from state "manageable"; target provision state is '
        '"manageable"'
    )

    def test_a_change_is_found(self):
        at = datetime.datetime(2026, 1, 2, 3, 4, 5, 250000).timestamp()
        self.assertEqual(
            [logs.Line(1, at, NODE, *START)],
            logs.moved(1, ['Traceback (most recent call last):', self.LINE]),
        )

    def test_a_notification_that_was_not_sent_is_found(self):
        payload = {
            'event': 'inspect',
            'previous_provision_state': START[0],
            'previous_target_provision_state': None,
            'provision_state': START[1],
            'uuid': NODE,
        }
        line = (
            '2026-01-02 03:04:05.250 77 ERROR oslo_messaging.notify.messaging '
            '[None req-1 - - - - -] Could not send notification to '
            f'ironic_versioned_notifications. Payload={payload}: error'
        )
        at = datetime.datetime(2026, 1, 2, 3, 4, 5, 250000).timestamp()
        self.assertEqual(
            [logs.Line(0, at, NODE, *START)], logs.given_up(0, [line])
        )

    def test_only_the_last_lines_about_a_node_are_given_back(self):
        lines = [f'{NODE} {number}' for number in range(9)]
        self.assertEqual(
            lines[7:], logs.about(NODE, [*lines, f'{OTHER} 9'], 2)
        )


class Verdict(base.BaseTestCase):
    """What must hold, and what must not."""

    def result(self, **more):
        fields = {
            'kind': half.PLUGIN,
            'minutes': 1.0,
            'seed': 7,
            'struck': [struck(faults.KILL, victim=1)],
            'operations': [
                operation(ended_at=12.0, state='manageable'),
            ],
            'refused': collections.Counter(),
            'not_saved': [],
            'books': truth.compare(
                [(NODE, *START)], [announced(10.01, START)]
            ),
            'lost': [],
            'left': [],
            'stranded': [],
            'drained': True,
            'said': {},
        }
        return result.Result(**{**fields, **more})

    def lost(self, fault):
        return {
            'books': truth.compare(
                [(NODE, *START), (NODE, *END)], [announced(10.01, START)]
            ),
            'lost': [
                account.Lost(
                    seen(2, 99.9, END),
                    fault,
                    account.KILLED if fault else account.UNKNOWN,
                    'evidence',
                )
            ],
        }

    def violations(self, may_lose=True, **more):
        return self.result(**more).violations(may_lose)

    def test_a_run_without_a_fault_holds(self):
        self.assertEqual([], self.violations())

    def test_a_loss_with_a_reason_is_named_and_may_be(self):
        more = self.lost(struck(faults.KILL, victim=1))
        self.assertEqual([], self.violations(**more))
        found = self.result(**more)
        self.assertEqual(1, found.counts()['  killed before publish'])
        self.assertIn(account.KILLED, '\n'.join(found.by_fault()))

    def test_a_loss_without_a_reason_may_not_be(self):
        self.assertEqual(1, len(self.violations(**self.lost(None))))

    def test_the_outbox_loses_nothing_for_any_reason(self):
        more = self.lost(struck(faults.KILL, victim=1))
        self.assertEqual(1, len(self.violations(may_lose=False, **more)))

    def test_what_the_audit_alone_has_lost_is_not_hidden(self):
        more = self.lost(struck(faults.KILL, victim=1)) | {'lost': []}
        self.assertEqual(
            ['the audit has 1 lost, by their times it is 0'],
            self.violations(**more),
        )

    def test_a_node_that_waits_for_its_killed_conductor_may_be(self):
        left = account.Left(
            NODE, 'inspecting', None, 99.0, struck(faults.KILL, victim=1)
        )
        self.assertEqual([], self.violations(left=[left]))

    def test_a_node_may_not_be_left_for_no_reason(self):
        left = account.Left(NODE, 'inspecting', None, 99.0, None)
        self.assertEqual(1, len(self.violations(left=[left])))

    def test_no_lock_may_be_left(self):
        left = account.Left(
            NODE, 'active', 'here', 99.0, struck(faults.DATABASE)
        )
        self.assertEqual(1, len(self.violations(left=[left])))

    def test_no_node_may_be_stranded(self):
        left = account.Left(
            NODE, 'inspecting', None, 99.0, struck(faults.KILL, victim=1)
        )
        self.assertEqual(1, len(self.violations(stranded=[left])))

    def test_every_accepted_operation_is_accounted_for(self):
        self.assertEqual(1, len(self.violations(operations=[operation()])))

    def test_an_operation_that_saved_nothing_was_not_kept(self):
        self.assertEqual(1, len(self.violations(not_saved=[operation()])))

    def test_the_outbox_has_to_become_empty(self):
        self.assertEqual(1, len(self.violations(drained=False)))

    def test_a_fault_that_was_none_is_said(self):
        useless = faults.Struck(
            1, faults.POOL, 0, 1.0, 2.0, '9 taken, 0 turned away', False
        )
        self.assertEqual(
            ['fault 1, full pool of conductor 0: 9 taken, 0 turned away'],
            self.violations(struck=[useless]),
        )

    def test_a_run_in_which_nothing_was_announced_shows_nothing(self):
        self.assertEqual(
            ['nothing was announced at all'],
            self.violations(books=truth.Account()),
        )

    def test_both_halves_are_one_table(self):
        table = result.table([self.result(), self.result(kind=half.OUTBOX)])
        self.assertEqual(
            [half.PLUGIN, half.OUTBOX], table.splitlines()[0].split()
        )
