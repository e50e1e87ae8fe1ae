# SPDX-License-Identifier: Apache-2.0
"""``openstack baremetal node ... --wait`` returns when the work was done."""

import importlib.metadata

from ironicclient.osc.v1 import baremetal_node
from testtools import content

from ironic_async_events.tests.functional import base
from ironic_async_events.tests.functional import osc
from ironic_async_events.tests.functional import slowness
from laboratory import configuration
from laboratory import deployment

# Longer than a command takes to end after its last look; and a tear-down,
# which calls its interfaces several times, ends before the command's second.
DELAYS = configuration.merged(
    slowness.operations(2), {'fake': {'deploy_delay': 1}}
)


class OpenStackClientTest(base.FunctionalTestCase):
    def note(self, ran: osc.Ran) -> osc.Ran:
        """Show what a command wrote, should the test fail."""
        self.addDetail(
            str(ran.command.operation), content.text_content(ran.output)
        )
        return ran


class Verbs(OpenStackClientTest):
    """What the tests below run is all that there is."""

    def test_every_verb_of_the_plugin_is_run(self):
        verbs = {}
        for point in importlib.metadata.entry_points(
            group='openstack.baremetal.v1'
        ):
            command = point.load()
            if issubclass(command, baremetal_node.ProvisionStateBaremetalNode):
                verbs[point.name.removeprefix('baremetal_node_')] = issubclass(
                    command, baremetal_node.ProvisionStateWithWait
                )
        self.assertEqual(verbs, {one.verb: one.waits for one in osc.COMMANDS})


class WaitForEnd(OpenStackClientTest):
    """``--wait`` waits for the work, and says how it went."""

    def test_the_work_is_done_when_the_command_returns(self):
        running = self.start(deployment.Run(plugin=True, options=DELAYS))
        commands = (*osc.COMMANDS, osc.FAILING)
        *ran, failed = map(self.note, osc.run_all(running, commands))
        self.assertEqual(
            dict.fromkeys((one.verb for one in osc.COMMANDS), 0),
            {one.command.verb: one.returncode for one in ran},
        )
        self.assertEqual(
            {
                'adopt': ['adopting', 'active'],
                'clean': ['cleaning', 'manageable'],
                'deploy': ['deploying', 'active'],
                'inspect': ['inspecting', 'manageable'],
                'manage': ['verifying', 'manageable'],
                'provide': ['cleaning', 'available'],
                'rebuild': ['deploying', 'active'],
                'rescue': ['rescuing', 'rescue'],
                'service': ['servicing', 'active'],
                'undeploy': ['deleting', 'cleaning', 'available'],
                'unrescue': ['unrescuing', 'active'],
            },
            {one.command.verb: one.states for one in ran if one.command.waits},
        )
        # Those that cannot wait return when their work has begun.
        self.assertEqual(
            {'abort': ['active'], 'unhold': ['service wait']},
            {
                one.command.verb: one.states[:1]
                for one in ran
                if not one.command.waits
            },
        )
        self.assertNotEqual(0, failed.returncode)
        self.assertEqual(['cleaning', 'clean failed'], failed.states)
        self.assertIn("It's in state clean failed", failed.output)
