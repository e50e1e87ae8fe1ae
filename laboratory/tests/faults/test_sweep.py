# SPDX-License-Identifier: Apache-2.0
"""A part of the sweep; all of it: ``tools/tox -e faults``.

``FAULTS_SEED=<seed>`` chooses another part. A case that has failed is
repeated with ``python -m laboratory.faults --case <id>``.
"""

import os
import random

from oslotest import base

from laboratory.faults import bench
from laboratory.faults import sweep

SEED = int(os.environ.get('FAULTS_SEED', '8'))
_OPERATIONS = 4
_CASES = 50


def _part(installed: bench.World, seed: int, cases: int) -> list[str]:
    """Run some cases of some operations.

    :param installed: what is installed
    :param seed: what they follow from
    :param cases: how many
    :returns: what they have broken, one line a case
    """
    choice = random.Random(seed)
    names = choice.sample(sorted(sweep.OPERATIONS), _OPERATIONS)
    with bench.prepared(installed) as conductor:
        operations = sweep.survey(conductor, names)
        points = sweep.choose(operations, seed, None)
        results = [
            sweep.run(conductor, point)
            for point in choice.sample(points, min(cases, len(points)))
        ]
    return [
        f'{result.point.id}: {name}: {text}'
        for result in results
        for name, text in result.violations
    ]


class SweepTestCase(base.BaseTestCase):
    """Whatever fails, what must always hold does."""

    def test_without_the_outbox(self) -> None:
        self.assertEqual([], _part(bench.World.PLUGIN, SEED, _CASES))

    def test_with_the_outbox(self) -> None:
        self.assertEqual([], _part(bench.World.OUTBOX, SEED, _CASES))

    def test_the_sweep_finds_what_stock_ironic_breaks(self) -> None:
        self.assertNotEqual([], _part(bench.World.STOCK, SEED, 10))

    def test_a_case_is_what_its_id_says(self) -> None:
        point = sweep.Point('with', 'a task', 3, 'lost', '4@once+patient')
        self.assertEqual(point, sweep.Point.parse(point.id))
