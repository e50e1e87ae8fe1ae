# SPDX-License-Identifier: Apache-2.0
"""Nodes on emulated hardware, whose operations wait for agents."""

from testtools import content

from ironic_async_events.tests.functional import base
from laboratory import contract
from laboratory import deployment
from laboratory.hardware import lives
from laboratory.hardware import machines

NODES = 3


class Hardware(base.FunctionalTestCase):
    def test_each_change_of_a_life_with_agents_is_announced(self) -> None:
        directory = self.useFixture(base.Directory()).path
        park = machines.Machines(directory, NODES).start()
        self.addCleanup(park.stop)
        bench = self.start(
            deployment.Run(
                plugin=True,
                options=park.options(),
                command=machines.command('ironic'),
            )
        )
        park.agents.endpoint = bench.ironic.endpoint
        accepted = lives.drive(park)
        bench.ironic.stop()
        account = bench.account()
        self.addDetail('figures', content.json_content(account.as_dict()))
        states = {seen.state for seen in bench.eye.read()}
        for state in ('inspect', 'clean', 'service'):
            self.assertIn(f'{state} wait', states)
        self.assertIn('wait call-back', states)
        self.assertEqual(NODES * len(lives.LIFE), len(accepted))
        self.assertEqual([], list(account.rows))
        self.assertEqual(account.expected, account.in_order)
        self.assertEqual([], contract.violations(accepted, bench.eye.read()))
