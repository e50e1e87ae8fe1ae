# SPDX-License-Identifier: Apache-2.0
"""What is spoiled is found, by the right name, wherever it is."""

import random

from oslotest import base
from testtools import content

from ironic_async_events.tests.samples import mutations
from ironic_async_events.tests.samples import recordings
from laboratory import truth

#: What can be said when more cannot be known, see rules.py.
_LESS = {
    ('drop', 'first', 'stream'): {'nothing'},
    ('drop', 'last', 'stream'): {'1 unfinished', 'nothing'},
    ('drop', 'last', 'created'): {'1 unfinished', 'nothing'},
    ('show_too_early', 'last', 'stream'): {'1 illegal'},
    ('show_too_early', 'last', 'created'): {'1 illegal'},
    ('swap_at_the_source', 'first', 'stream'): {'1 out of order', '1 lost'},
}


class MutationsTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.seed = random.randrange(1 << 32)
        self.addDetail('seed', content.text_content(str(self.seed)))

    def test_clean_recordings_are_clean(self):
        for clean in mutations.clean_recordings(self.seed, number=40):
            self.assertEqual([], recordings.check(clean, complete=True))
            changes = [
                (one.node, one.previous_state, one.state) for one in clean
            ]
            self.assertEqual((), truth.compare(changes, clean).rows)

    def test_clean_parts_of_recordings_are_clean(self):
        (clean,) = mutations.clean_recordings(self.seed, number=1)
        for start in range(len(clean)):
            self.assertEqual([], recordings.check(clean[start:]))

    def test_every_mutation_is_found_by_its_name(self):
        found = mutations.results(self.seed, number=2)
        self.assertEqual(
            len(mutations.MUTATIONS), len({key[0] for key in found})
        )
        for (mutation, name, place), row in found.items():
            for judge, counts in row.items():
                allowed = _LESS.get((mutation, place, judge), {f'1 {name}'})
                self.assertEqual(
                    set(),
                    set(counts) - allowed,
                    (mutation, place, judge, counts),
                )

    def test_each_is_found_among_many_nodes(self):
        dice = random.Random(self.seed)
        for mutation, name in mutations.MUTATIONS:
            lives, expected = [], []
            for number in range(30):
                clean = recordings.observations(
                    recordings.walk(dice, 20), f'node-{number}', number / 1000
                )
                if number % 3 == 0:
                    choices = [
                        spoiled
                        for at, spoiled in mutation(clean, dice)
                        if 0 < at < len(clean) - 2
                    ]
                    clean = dice.choice(choices)
                    expected += name.split(', 1 ')
                lives.append(clean)
            mixed = []
            while any(lives):
                mixed.append(dice.choice([x for x in lives if x]).pop(0))
            found = recordings.check(mixed, complete=True)
            self.assertEqual(
                sorted(expected), sorted(one.kind.value for one in found)
            )
