# SPDX-License-Identifier: Apache-2.0
"""What the soak makes of what it saw."""

import ddt
from oslotest import base

from ironic_async_events.audit import observation
from laboratory import truth
from laboratory import wanderer
from laboratory import witness
from laboratory.soak import account
from laboratory.soak import faults
from laboratory.soak import half

NODE = '11111111-2222-3333-4444-555555555555'
OTHER = '66666666-7777-8888-9999-000000000000'
START = ('manageable', 'inspecting')
END = ('inspecting', 'manageable')


def seen(number, at, step, node=NODE):
    before, state = step
    return witness.Seen(number, node, before, state, at)


def announced(at, step, node=NODE):
    event = 'inspect' if step == START else 'done'
    return observation.Observation(
        f'{node}/{at}', node, 'provision_set', 'start', event, *step, time=at
    )


def struck(name, began=100.0, ended=110.0, victim=None, number=1):
    return faults.Struck(number, name, victim, began, ended, '')


def operation(verb='inspect', asked_at=10.0, **more):
    return wanderer.Operation(NODE, verb, asked_at, **more)


@ddt.ddt
class Unannounced(base.BaseTestCase):
    CHANGES = (
        seen(1, 10.0, START),
        seen(2, 11.0, END),
        seen(3, 20.0, START),
        seen(4, 21.0, END),
    )

    @ddt.unpack
    @ddt.data(
        # Each was announced.
        ([(10.01, START), (11.01, END), (20.01, START), (21.01, END)], []),
        # The time tells equal changes apart.
        ([(20.01, START), (21.01, END)], [1, 2]),
        # Another node, another step.
        ([(10.01, START, OTHER), (11.01, START)], [1, 2, 3, 4]),
    )
    def test_only_its_own_notification_announces_a_change(self, told, lost):
        messages = [announced(*one) for one in told]
        found = account.unannounced(self.CHANGES, messages)
        self.assertEqual(lost, [change.id for change in found])


@ddt.ddt
class Reasons(base.BaseTestCase):
    KILL = struck(faults.KILL, victim=1)
    AWAY = struck(faults.BROKER)
    RESTART = struck(faults.DATABASE)

    @ddt.unpack
    @ddt.data(
        # at, fault, who has logged it, who has given it up -> why
        # Saved and logged by the one that was killed, or not even logged.
        (99.9, KILL, [1], [], account.KILLED),
        (99.9, KILL, [], [], account.KILLED),
        # Lost by the other one, long before, afterwards, or given up.
        (99.9, KILL, [0], [], account.UNKNOWN),
        (80.0, KILL, [], [], account.UNKNOWN),
        (105.0, KILL, [], [], account.UNKNOWN),
        (99.9, KILL, [1], [1], account.UNKNOWN),
        # A broker that was away is no reason by itself.
        (105.0, AWAY, [0], [0], account.GIVEN_UP),
        (105.0, AWAY, [0], [], account.UNKNOWN),
        # Who logged a change had the answer to its commit.
        (105.0, RESTART, [], [], account.ANSWER),
        (105.0, RESTART, [0], [], account.UNKNOWN),
        (105.0, struck(faults.POOL, victim=0), [], [], account.UNKNOWN),
        (105.0, struck(faults.SIGHUP, victim=0), [], [], account.UNKNOWN),
    )
    def test_a_fault_is_a_reason(self, at, fault, moved, given_up, reason):
        found = account.explain(
            seen(1, at, START),
            [fault],
            [account.Logged(one, at + 0.01, NODE, START) for one in moved],
            [account.Logged(one, at + 0.02, NODE, START) for one in given_up],
        )
        self.assertEqual(reason, found.reason)
        self.assertEqual(found.fault is None, reason == account.UNKNOWN)

    def test_another_step_of_the_node_was_given_up(self):
        other = account.Logged(0, 105.02, NODE, END)
        change = seen(1, 105.0, START)
        found = account.explain(change, [self.AWAY], [], [other])
        self.assertEqual(account.UNKNOWN, found.reason)


class Left(base.BaseTestCase):
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

    def test_neither_by_a_signal_nor_by_a_fault_that_was_over(self):
        for since, name in ((50.0, faults.SIGHUP), (150.0, faults.KILL)):
            found = account.worker_lost_in(since, False, [struck(name)])
            self.assertIsNone(found)


@ddt.ddt
class Operations(base.BaseTestCase):
    @ddt.unpack
    @ddt.data(
        (True, {'ended_at': 12.0, 'state': 'manageable'}),
        (True, {'ended_at': 12.0, 'state': 'inspect failed', 'reason': 'x'}),
        (False, {'ended_at': 12.0, 'state': 'inspect failed'}),
        # A reason that an earlier operation has left.
        (False, {'reason': 'x'}),
    )
    def test_it_ends_or_fails_with_a_reason(self, accounted, more):
        self.assertEqual(accounted, operation(**more).is_accounted_for)

    def test_one_that_saved_nothing(self):
        saved = operation(ended_at=12.0, state='manageable')
        nothing = operation(asked_at=20.0, ended_at=22.0, state='manageable')
        times = (10.05, START), (11.0, END), (30.0, START)
        changes = [seen(number, *one) for number, one in enumerate(times)]
        self.assertEqual(
            [nothing], account.not_saved([saved, nothing], changes)
        )


@ddt.ddt
class Verdict(base.BaseTestCase):
    KILL = struck(faults.KILL, victim=1)

    def result(self, **more):
        fields = {
            'kind': half.PLUGIN,
            'may_lose': True,
            'struck': [self.KILL],
            'operations': [operation(ended_at=12.0, state='manageable')],
            'refused': [],
            'not_saved': [],
            'books': truth.compare(
                [(NODE, *START)], [announced(10.01, START)]
            ),
            'lost': [],
            'left': [],
            'stranded': [],
            'drained': True,
        }
        return account.Result(**{**fields, **more})

    def with_loss(self, fault, **more):
        books = truth.compare(
            [(NODE, *START), (NODE, *END)], [announced(10.01, START)]
        )
        reason = account.KILLED if fault else account.UNKNOWN
        lost = [account.Lost(seen(2, 99.9, END), fault, reason)]
        return self.result(**{'books': books, 'lost': lost, **more})

    def test_a_run_without_a_fault_holds(self):
        self.assertEqual([], self.result().violations())

    def test_a_loss_with_a_reason_is_named_and_may_be(self):
        found = self.with_loss(self.KILL)
        self.assertEqual([], found.violations())
        self.assertEqual(1, found.counts()['  killed before publish'])
        self.assertIn(account.KILLED, '\n'.join(found.by_fault()))

    def test_a_loss_without_a_reason_may_not_be(self):
        self.assertEqual(1, len(self.with_loss(None).violations()))

    def test_the_outbox_loses_nothing_for_any_reason(self):
        found = self.with_loss(self.KILL, may_lose=False)
        self.assertEqual(1, len(found.violations()))

    def test_what_the_audit_alone_has_lost_is_not_hidden(self):
        self.assertEqual(
            ['the audit has 1 lost, by their times it is 0'],
            self.with_loss(self.KILL, lost=[]).violations(),
        )

    def test_a_node_that_waits_for_its_killed_conductor_may_be(self):
        left = account.Left(NODE, 'inspecting', None, 99.0, self.KILL)
        self.assertEqual([], self.result(left=[left]).violations())

    @ddt.data(
        # No fault has taken its worker; it is locked; no restart helps.
        {'left': [account.Left(NODE, 'inspecting', None, 99.0, None)]},
        {'left': [account.Left(NODE, 'active', 'here', 99.0, KILL)]},
        {'stranded': [account.Left(NODE, 'inspecting', None, 99.0, KILL)]},
        {'operations': [operation()]},
        {'not_saved': [operation()]},
        {'drained': False},
        {'books': truth.Account()},
        {'books': truth.compare([], [announced(10.01, START)])},
        # A fault that was none.
        {'struck': [faults.Struck(1, faults.POOL, 0, 1.0, 2.0, '', False)]},
    )
    def test_what_must_not_be_is_one_violation(self, more):
        self.assertEqual(1, len(self.result(**more).violations()))
