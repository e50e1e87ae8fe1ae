# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to a node, its notifications and the database agree.

``SEQUENCES_SEED=<seed>`` repeats a sequence that has failed.
"""

import os
import random
import unittest

from oslotest import base

from ironic_async_events.patching import patched
from ironic_async_events.tests.unit import fixtures
from ironic_async_events.tests.unit.spawn_failures import sequences

STEPS = 40
#: The same ones every time; one more is new. The last three have found
#: requests of which something was left.
SEEDS = (*range(5), 22, 31, 47)


def _live(seed: int) -> tuple[list[str], str]:
    """Run one sequence.

    :param seed: what it follows from.
    :returns: what did not agree, and a text to find out why.
    """
    life = sequences.Life(seed, STEPS)
    result = unittest.TestResult()
    life.run(result)
    faults = list(life.faults)
    faults.extend(text for _, text in result.errors + result.failures)
    lines = [f'SEQUENCES_SEED={seed} repeats this:', *life.transcript, *faults]
    return faults, '\n'.join(lines)


@unittest.skipIf(patched.is_patched(), 'the series gives up lost answers')
class PluginTestCase(base.BaseTestCase):
    """With the plugin they agree after every step."""

    def _test(self, seed: int) -> None:
        self.useFixture(fixtures.TaskManager())
        faults, text = _live(seed)
        self.assertEqual([], faults, text)

    def test_known_sequences(self) -> None:
        for seed in SEEDS:
            self._test(seed)

    def test_a_new_sequence(self) -> None:
        given = os.environ.get('SEQUENCES_SEED')
        self._test(int(given) if given else random.randrange(2**32))


@unittest.skipIf(patched.is_patched(), 'this Ironic is not stock')
class StockTestCase(base.BaseTestCase):
    """Without the plugin the sequences find that they do not."""

    def test_every_known_sequence_finds_a_fault(self) -> None:
        self.assertEqual([], [seed for seed in SEEDS if not _live(seed)[0]])
