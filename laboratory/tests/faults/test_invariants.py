# SPDX-License-Identifier: Apache-2.0
"""Each invariant is broken by what breaks it, and by nothing else."""

from unittest import mock

import ddt
from ironic.common import exception
from oslotest import base

from laboratory.faults import database
from laboratory.faults import invariants
from laboratory.faults import observed
from laboratory.faults import schedule

ROW = {
    'provision_state': 'enroll',
    'reservation': None,
    'lessee': None,
    'last_error': None,
    'extra': '{"a": 1, "b": 2}',
}
END = ROW | {'provision_state': 'manageable'}
VERIFIED = [('enroll', 'verifying'), ('verifying', 'manageable')]
TOLD = [
    ('enroll', 'manage', 'verifying'),
    ('verifying', 'done', 'manageable'),
]
HALF_WAY = {
    'states': VERIFIED[:1],
    'told': TOLD[:1],
    'changes': 1,
    'end': ROW | {'provision_state': 'verifying'},
}


def accepted(error=None, seconds=0.0, early=1, asked=1, **fields):
    """Make a journal in which nothing is broken, but for what is given."""
    given = {
        'operation': 'manage from enroll',
        'after': END,
        'end': END,
        'changes': 2,
        'states': VERIFIED,
        'told': TOLD,
        **fields,
    }
    answer = invariants.Answer(error, early, asked, seconds)
    return invariants.Journal(
        staged=True, periodic=False, before=ROW, answer=answer, **given
    )


def refused(error=None, **fields):
    """Make the journal of a request that was turned away."""
    given = {'changes': 0, 'states': [], 'told': [], **fields}
    given = {'after': ROW, 'end': ROW, **given}
    return accepted(error or ValueError(), **given)


@ddt.ddt
class InvariantsTestCase(base.BaseTestCase):
    @ddt.unpack
    @ddt.data(
        ('', accepted()),
        ('', refused()),
        # A change that is not told, and one that is told twice.
        ('I1 I2', accepted(told=TOLD[:1])),
        ('I1 I2', accepted(told=[*TOLD, TOLD[1]])),
        # An event that leads elsewhere, and one that is unknown there.
        ('I1', accepted(told=[TOLD[0], ('verifying', 'fail', 'manageable')])),
        ('I1', accepted(told=[TOLD[0], ('verifying', 'adopt', 'manageable')])),
        # A refused request that changed the state, or left something.
        ('I3', accepted(ValueError(), asked=0)),
        ('I3', refused(after=ROW | {'lessee': 'you'})),
        ('I3', refused(records=2)),
        # A change that was announced is not taken back.
        ('', refused(operation='abort from service wait', **HALF_WAY)),
        ('I3', refused(**HALF_WAY)),
        # The order of keys and the reason are nothing.
        ('', refused(after=ROW | {'extra': '{"b": 2, "a": 1}'})),
        ('', refused(after=ROW | {'last_error': 'why'})),
        # The state may come when the wait was over.
        ('I4', accepted(early=0)),
        ('', accepted(early=0, seconds=30.0)),
        # A lock that is left, and a thread that never ends.
        ('I5', accepted(end=END | {'reservation': 'me'})),
        ('I5', accepted(left=['worker 1'])),
        *(
            ('secrets', accepted(said=[('log', f'x {secret} y')]))
            for secret in invariants.SECRETS
        ),
        ('', accepted(said=[('last_error', 'gone [SQL: UPDATE nodes]')])),
        ('secrets', refused(said=[('last_error', 'gone [SQL: UPDATE n]')])),
        ('answer', refused(exception.NoFreeConductorWorker())),
    )
    def test_what_is_broken(self, names, seen):
        broken = dict.fromkeys(name for name, _ in invariants.check(seen))
        self.assertEqual(names.split(), list(broken))


class LocksTestCase(base.BaseTestCase):
    """What tasks believe is compared with the row."""

    def setUp(self):
        super().setUp()
        self.observer = mock.create_autospec(observed.Observer, instance=True)
        self.locks = observed.Locks(
            self.observer, database.Part(), schedule.Schedule()
        )

    def commit(self, before, after):
        self.observer.locks.return_value = [
            {'id': 1, 'before': before, 'after': after}
        ]
        self.locks.committed()

    def test_tasks_hold_the_lock_in_turns(self):
        for task in (1, 2):
            self.commit(None, 'me')
            self.locks.holds(task, f'task {task}')
            self.locks.lets_go(task)
            self.commit('me', None)
        self.assertEqual([], self.locks.violations)

    def test_two_tasks_hold_the_lock_at_once(self):
        self.locks.holds(1, 'task 1')
        self.locks.holds(2, 'task 2')
        self.assertEqual(
            ['task 2 has the lock, and task 1 too'], self.locks.violations
        )

    def test_a_lock_that_is_taken_away(self):
        self.locks.holds(1, 'task 1')
        self.commit('me', None)
        self.assertEqual(
            ['the lock was me, is None, while task 1 has it'],
            self.locks.violations,
        )
