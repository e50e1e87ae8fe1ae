# SPDX-License-Identifier: Apache-2.0
"""A short part of the simulation; the long one is a program."""

from oslotest import base
from testtools import content

from ironic_async_events.tests.unit.outbox.simulation import __main__ as run


class SimulationTestCase(base.BaseTestCase):
    def test_it_holds_whatever_happens(self):
        seed = run.any_seed()
        self.addDetail('seed', content.text_content(str(seed)))
        run.run(seed, examples=60)
