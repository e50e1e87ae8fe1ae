# SPDX-License-Identifier: Apache-2.0
"""The exact comparison with what the database witnessed."""

from oslotest import base

from ironic_async_events.audit import observation as obs
from laboratory import truth

STEPS = [
    ('manage', 'enroll', 'verifying'),
    ('done', 'verifying', 'manageable'),
    ('inspect', 'manageable', 'inspecting'),
    ('done', 'inspecting', 'manageable'),
    ('inspect', 'manageable', 'inspecting'),
    ('wait', 'inspecting', 'inspect wait'),
    ('done', 'inspect wait', 'manageable'),
]


def seen(number, step, node='n1'):
    event, previous, state = step
    return obs.Observation(
        f'm{number}', node, 'provision_set', 'end', event, previous, state
    )


def change(step, node='n1'):
    return (node, step[1], step[2])


CHANGES = [change(step) for step in STEPS]
SEEN = [seen(number, step) for number, step in enumerate(STEPS)]


class CompareTest(base.BaseTestCase):
    def check(self, changes, observations, **counts):
        account = truth.compare(changes, observations)
        found = account.as_dict()
        self.assertEqual(counts, {k: n for k, n in found.items() if n})
        there = account.in_order + account.out_of_order
        self.assertEqual(
            (account.received, account.expected),
            (
                there + account.illegal + account.unexpected,
                there + account.lost + account.announced_wrongly,
            ),
        )
        return account

    def test_nothing_is_clean(self):
        self.assertEqual((), self.check([], []).rows)

    def check_seven(self, observations, **counts):
        """Check the account of the seven changes; all is well but for this."""
        well = {'expected': 7, 'received': 7, 'in_order': 7}
        return self.check(CHANGES, observations, **well | counts)

    def test_all_in_order_is_clean(self):
        self.assertEqual((), self.check_seven(SEEN).rows)

    def test_every_lost_notification_is_named(self):
        for at in range(len(STEPS)):
            account = self.check_seven(
                SEEN[:at] + SEEN[at + 1 :], received=6, in_order=6, lost=1
            )
            self.assertEqual(['lost'], [row.name for row in account.rows])
            self.assertEqual(CHANGES[at], account.rows[0].change[:3])

    def test_every_swap_is_one_out_of_order(self):
        for at in range(len(STEPS) - 1):
            swapped = list(SEEN)
            swapped[at : at + 2] = reversed(swapped[at : at + 2])
            self.check_seven(swapped, in_order=6, out_of_order=1)

    def test_a_repetition_is_a_duplicate(self):
        for at in range(len(STEPS)):
            repeated = [*SEEN[: at + 1], SEEN[at], *SEEN[at + 1 :]]
            self.check_seven(repeated, duplicate=1)

    def test_a_repetition_under_another_id_is_unexpected(self):
        other = SEEN[0]._replace(message_id='other')
        self.check_seven([other, *SEEN], received=8, unexpected=1)

    def test_an_altered_state_is_illegal_and_its_change_not_lost(self):
        for at in range(len(STEPS)):
            wrong = list(SEEN)
            wrong[at] = wrong[at]._replace(state='rescue')
            account = self.check_seven(
                wrong, in_order=6, illegal=1, announced_wrongly=1
            )
            self.assertEqual(CHANGES[at], account.rows[0].change[:3])

    def test_nodes_are_told_apart(self):
        other = [change(step, 'n2') for step in STEPS]
        counts = {'expected': 14, 'received': 8, 'in_order': 8, 'lost': 6}
        observed = [*SEEN, seen(20, STEPS[0], 'n2')]
        self.check(CHANGES + other, observed, **counts)

    def test_what_is_no_observation_is_skipped(self):
        self.check_seven([obs.Malformed('x'), obs.Ignored('y'), *SEEN])

    def test_messages_without_an_id_are_no_duplicates(self):
        self.check_seven([one._replace(message_id=None) for one in SEEN])
