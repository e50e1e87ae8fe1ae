# SPDX-License-Identifier: Apache-2.0
"""What the API and the notifications are held against."""

import ddt
import fixtures
from oslotest import base

from laboratory import contract
from laboratory import witness

NODE = '11111111-2222-3333-4444-555555555555'


def seen(at, before, state):
    return witness.Seen(1, NODE, before, state, at)


STARTED = seen(10.5, 'manageable', 'inspecting')
ENDED = 'inspecting', 'manageable'


@ddt.ddt
class Contract(base.BaseTestCase):
    """What is held against a 202 of 11.0 and a GET of 11.5."""

    @ddt.unpack
    @ddt.data(
        # The new state is right; the old one is wrong while the work goes on,
        # and right once it is done.
        ('inspecting', [STARTED], []),
        (
            'manageable',
            [STARTED, seen(12.0, *ENDED)],
            ["GET showed 'manageable' when 'inspecting' had been saved"],
        ),
        ('manageable', [STARTED, seen(11.2, *ENDED)], []),
        (
            'inspecting',
            [seen(11.25, 'manageable', 'inspecting')],
            ['the new state was saved 250 ms after the 202'],
        ),
        # Before the request, and of another node.
        (
            'manageable',
            [
                seen(9.0, 'enroll', 'manageable'),
                witness.Seen(2, 'other', 'manageable', 'inspecting', 10.5),
            ],
            ['was accepted, and no change of state was ever saved'],
        ),
    )
    def test_the_answer_shows_what_was_saved(self, shown, changes, wrong):
        request = contract.Accepted(
            NODE, 'inspect', 'manageable', 10.0, 11.0, shown, 11.5, 20.0
        )
        found = contract.violations([request], changes)
        self.assertEqual(wrong, [line.partition(': ')[2] for line in found])


class Witness(base.BaseTestCase):
    def test_changes_and_creations_are_seen_in_order(self):
        path = self.useFixture(fixtures.TempDir()).join('db')
        eye = witness.Witness(f'sqlite:///{path}')
        eye.execute(
            'CREATE TABLE nodes (uuid TEXT, provision_state TEXT, extra TEXT)'
        )
        eye.install()
        eye.execute(
            f"INSERT INTO nodes VALUES ('{NODE}', 'enroll', '')",
            "UPDATE nodes SET provision_state = 'verifying'",
            "UPDATE nodes SET extra = 'x'",
            "UPDATE nodes SET provision_state = 'verifying'",
            'UPDATE nodes SET provision_state = NULL',
        )
        steps = [(None, 'enroll'), ('enroll', 'verifying')]
        steps.append(('verifying', None))
        self.assertEqual(steps, [one.step for one in eye.read()])
        self.assertEqual(
            steps[2:], [one.step for one in eye.read(after=2, node=NODE)]
        )
        self.assertEqual([], eye.read(node='another'))
