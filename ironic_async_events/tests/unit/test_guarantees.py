# SPDX-License-Identifier: Apache-2.0
"""The guarantees are said once, and the documentation repeats them."""

import pathlib

from oslotest import base

from laboratory import guarantees

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
