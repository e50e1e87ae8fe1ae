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


def _part(installed, cases):
    """Run some cases of some operations; return what they have broken."""
    choice = random.Random(SEED)
    names = choice.sample(sorted(sweep.OPERATIONS), _OPERATIONS)
    with bench.prepared(installed) as conductor:
        operations = sweep.survey(conductor, names)
        points = sweep.choose(operations, SEED, None)
        return [
            f'{point.id}: {name}: {text}'
            for point in choice.sample(points, min(cases, len(points)))
            for name, text in sweep.run(conductor, point)
        ]


class SweepTestCase(base.BaseTestCase):
    def test_without_the_outbox(self):
        self.assertEqual([], _part(bench.World.PLUGIN, _CASES))

    def test_with_the_outbox(self):
        self.assertEqual([], _part(bench.World.OUTBOX, _CASES))

    def test_the_sweep_finds_what_stock_ironic_breaks(self):
        self.assertNotEqual([], _part(bench.World.STOCK, 10))

    def test_a_case_is_what_its_id_says(self):
        point = sweep.Point('with', 'a task', 3, 'lost', '4@once+patient')
        self.assertEqual(point, sweep.Point.parse(point.id))
