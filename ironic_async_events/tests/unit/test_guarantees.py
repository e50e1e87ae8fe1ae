# SPDX-License-Identifier: Apache-2.0
"""The guarantees are said once, and the documentation repeats them."""

import pathlib

from oslotest import base

from ironic_async_events import guarantees
from ironic_async_events.audit.violation import Kind

PAGE = (
    pathlib.Path(__file__).parents[3]
    / 'doc'
    / 'source'
    / 'admin'
    / 'notifications.rst'
)


class GuaranteesTestCase(base.BaseTestCase):
    def test_they_are_numbered_and_named_once(self):
        self.assertEqual(
            [f'I{number}' for number in range(1, 9)],
            [each.id for each in guarantees.ALL],
        )
        self.assertEqual(8, len({each.name for each in guarantees.ALL}))

    def test_the_page_for_operators_has_the_same_sentences(self):
        if not PAGE.exists():
            self.skipTest('installed without its documentation')
        text = ' '.join(PAGE.read_text().replace('`', '').split())
        for each in guarantees.ALL:
            self.assertIn(f'{each.id}, *{each.name}* {each.sentence}', text)

    def test_each_violation_breaks_a_guarantee_but_an_unfinished_one(self):
        self.assertEqual(
            {
                Kind.LOST: 'I1',
                Kind.DUPLICATE: 'I1',
                Kind.ILLEGAL: 'I1',
                Kind.OUT_OF_ORDER: 'I2',
            },
            {
                kind: kind.guarantee.id
                for kind in Kind
                if kind is not Kind.UNFINISHED
            },
        )
        self.assertIsNone(Kind.UNFINISHED.guarantee)
