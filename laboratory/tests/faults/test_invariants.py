# SPDX-License-Identifier: Apache-2.0
"""Each invariant is broken by what breaks it, and by nothing else."""

from typing import Any
from unittest import mock

from ironic.common import exception
from oslotest import base

from laboratory.faults import invariants
from laboratory.faults import journal
from laboratory.faults import kinds
from laboratory.faults import observed
from laboratory.faults import schedule

ROW = {
    'provision_state': 'enroll',
    'reservation': None,
    'lessee': None,
    'last_error': None,
    'extra': '{"a": 1, "b": 2}',
}
VERIFIED = [('enroll', 'verifying'), ('verifying', 'manageable')]
TOLD = [
    ('enroll', 'manage', 'verifying'),
    ('verifying', 'done', 'manageable'),
]


def _journal(
    error: BaseException | None = None,
    seconds: float = 0.0,
    changes: int = 1,
    asked: int = 1,
    operation: str = 'manage from enroll',
    **fields: Any,
) -> journal.Journal:
    """Make a journal in which nothing is broken, but for what is given."""
    row = {**ROW, 'provision_state': 'manageable'}
    given = {
        'after': row,
        'end': row,
        'changes': 2,
        'states': VERIFIED,
        'told': TOLD,
        **fields,
    }
    return journal.Journal(
        name='a case',
        operation=operation,
        staged=True,
        periodic=False,
        before=ROW,
        answer=journal.Answer(error, changes, asked, seconds),
        **given,
    )


def _refused(**fields: Any) -> journal.Journal:
    """Make the journal of a request that was turned away."""
    given = {
        'after': ROW,
        'end': ROW,
        'changes': 0,
        'states': [],
        'told': [],
        'error': ValueError(),
        **fields,
    }
    return _journal(**given)


class InvariantsTestCase(base.BaseTestCase):
    """Names of what is broken."""

    def assert_broken(self, names: str, seen: journal.Journal) -> None:
        """Assert which invariants a journal breaks.

        :param names: with spaces between them
        :param seen: the journal
        """
        broken = dict.fromkeys(name for name, _ in invariants.check(seen))
        self.assertEqual(names.split(), list(broken))

    def test_nothing_is_broken(self) -> None:
        self.assert_broken('', _journal())
        self.assert_broken('', _refused())

    def test_a_change_that_is_not_told(self) -> None:
        self.assert_broken('I1 I2', _journal(told=TOLD[:1]))

    def test_a_change_that_is_told_twice(self) -> None:
        self.assert_broken('I1 I2', _journal(told=[*TOLD, TOLD[1]]))

    def test_an_event_that_leads_elsewhere(self) -> None:
        for event in ('fail', 'adopt'):  # the machine does not know it there
            told = [TOLD[0], ('verifying', event, 'manageable')]
            self.assert_broken('I1', _journal(told=told))

    def test_a_refused_request_that_changed_the_state(self) -> None:
        self.assert_broken('I3', _journal(error=ValueError(), asked=0))

    def test_a_refused_request_that_left_something(self) -> None:
        self.assert_broken('I3', _refused(after={**ROW, 'lessee': 'you'}))
        self.assert_broken('I3', _refused(records=2))

    def test_a_change_that_was_announced_is_not_taken_back(self) -> None:
        seen = _journal(
            error=ValueError(),
            changes=1,
            states=VERIFIED[:1],
            told=TOLD[:1],
            end={**ROW, 'provision_state': 'verifying'},
            operation='abort from service wait',
        )
        seen.changes = 1
        self.assert_broken('', seen)
        seen.operation = 'manage from enroll'
        self.assert_broken('I3', seen)

    def test_order_of_keys_and_the_reason_are_nothing(self) -> None:
        after = {**ROW, 'extra': '{"b": 2, "a": 1}', 'last_error': 'why'}
        self.assert_broken('', _refused(after=after))

    def test_an_accepted_request_without_its_state(self) -> None:
        self.assert_broken('I4', _journal(changes=0))

    def test_its_state_may_come_when_the_wait_was_over(self) -> None:
        self.assert_broken('', _journal(changes=0, seconds=30.0))

    def test_a_lock_that_is_left(self) -> None:
        end = {**_journal().end, 'reservation': 'me'}
        self.assert_broken('I5', _journal(end=end))

    def test_a_thread_that_never_ends(self) -> None:
        self.assert_broken('I5', _journal(left=['worker 1']))

    def test_secrets(self) -> None:
        for secret in journal.SECRETS:
            self.assert_broken(
                'secrets', _journal(said=[('log', f'x {secret} y')])
            )

    def test_a_statement_when_a_request_is_turned_away(self) -> None:
        said = [('last_error', 'gone [SQL: UPDATE nodes]')]
        self.assert_broken('secrets', _refused(said=said))
        self.assert_broken('', _journal(said=said))

    def test_a_lack_of_workers(self) -> None:
        self.assert_broken(
            'answer', _refused(error=exception.NoFreeConductorWorker())
        )


class LocksTestCase(base.BaseTestCase):
    """What tasks believe is compared with the row."""

    def setUp(self) -> None:
        super().setUp()
        self.observer = mock.create_autospec(observed.Observer, instance=True)
        self.locks = observed.Locks(
            self.observer, kinds.Part(), schedule.Schedule()
        )

    def commit(self, before: str | None, after: str | None) -> None:
        """Commit a change of the lock."""
        self.observer.locks.return_value = [
            {'id': 1, 'before': before, 'after': after}
        ]
        self.locks.committed()

    def test_one_after_the_other(self) -> None:
        for task in (1, 2):
            self.commit(None, 'me')
            self.locks.holds(task, f'task {task}')
            self.locks.lets_go(task)
            self.commit('me', None)
        self.assertEqual([], self.locks.violations)

    def test_two_at_once(self) -> None:
        self.locks.holds(1, 'task 1')
        self.locks.holds(2, 'task 2')
        self.assertEqual(
            ['task 2 has the lock, and task 1 too'], self.locks.violations
        )

    def test_a_lock_that_is_taken_away(self) -> None:
        self.locks.holds(1, 'task 1')
        self.commit('me', None)
        self.assertEqual(
            ['the lock was me, is None, while task 1 has it'],
            self.locks.violations,
        )
