# SPDX-License-Identifier: Apache-2.0
"""What agents answer, and what they do when they are bent."""

import collections
import pathlib
from unittest import mock

import ddt
import fixtures
from oslotest import base

from laboratory import deployment
from laboratory.hardware import agents
from laboratory.hardware import machines
from laboratory.hardware import trouble

STEP = {'interface': 'deploy', 'step': 'burnin_cpu'}
EXECUTE = 'execute_clean_step'
LOOKUP = 200, {'config': {'agent_token': 'new'}}


class AgentTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(agents, 'Api', autospec=True)
        self.call = patch.start().return_value.call
        self.addCleanup(patch.stop)
        self.fleet = mock.create_autospec(agents.Agents, instance=True)
        self.fleet.tokens = collections.defaultdict(list, uuid=['old'])
        self.fleet.codes = collections.defaultdict(list)
        self.fleet.url, self.fleet.power = 'http://127.0.0.1:1', mock.Mock()

    def agent(self, **bend: object) -> agents.Agent:
        return agents.Agent(self.fleet, 'uuid', agents.Bend(**bend))

    def test_a_step_runs_and_its_end_is_said(self) -> None:
        agent = self.agent()
        self.call.return_value = 202, None
        _, answer = agent.ask(EXECUTE, {'step': STEP})
        self.assertEqual('RUNNING', answer['command_status'])
        self.assertEqual(409, agent.ask(EXECUTE, {'step': STEP})[0])
        self.fleet.later.call_args.args[1]()
        self.assertEqual('SUCCEEDED', answer['command_status'])
        self.assertEqual(STEP, answer['command_result']['clean_step'])
        self.assertEqual('/v1/heartbeat/uuid', self.call.call_args.args[1])

    def test_an_answer_is_lost_once(self) -> None:
        agent = self.agent(lose='sync')
        self.assertIsNone(agent.ask('sync', {}))
        self.assertIsNotNone(agent.ask('sync', {}))
        self.assertEqual(2, len(agent.commands))

    def test_an_agent_that_dies_carries_out_nothing(self) -> None:
        agent = self.agent(die='sync')
        self.assertIsNone(agent.ask('sync', {}))
        self.assertFalse(agent.alive)
        self.assertEqual([], agent.commands)

    def test_the_machine_goes_off_when_its_agent_is_told_to(self) -> None:
        self.agent().ask('power_off', {})
        self.fleet.later.call_args.args[1]()
        self.fleet.power.assert_called_once_with('uuid', 'ForceOff')

    def test_a_heartbeat_has_the_token_of_the_lookup(self) -> None:
        for token, stale in (('new', False), ('old', True)):
            self.fleet.tokens['uuid'] = ['old']
            self.call.side_effect = [LOOKUP, (202, None)]
            self.agent(stale=stale).look_up()
            self.assertEqual(token, self.call.call_args.args[2]['agent_token'])

    def test_a_mute_agent_waits_until_it_is_woken(self) -> None:
        agent = self.agent(mute=True)
        self.call.side_effect = [LOOKUP, (202, None)]
        agent.look_up()
        self.assertEqual(1, self.call.call_count)
        agent.wake()
        self.assertEqual(2, self.call.call_count)

    def test_what_is_refused_is_repeated_later_and_later(self) -> None:
        agent = self.agent()
        self.call.return_value = 503, None
        agent.beat()
        agent.beat()
        pauses = [each.args[0] for each in self.fleet.later.call_args_list]
        self.assertEqual([0.5, 1.0], pauses)


@ddt.ddt
class PlaceTestCase(base.BaseTestCase):
    @ddt.unpack
    @ddt.data(
        ('lives', 'ironic-conductor', 'ironic-conductor'),
        ('no-worker', 'ironic', 'forced.py'),
    )
    def test_a_place_runs_its_service_quickly(self, name, part, script):
        home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        park = machines.Machines(home, 1)
        self.addCleanup(park.agents.server_close)
        place = trouble.Place(name, park, 'plugin', {})
        place.broker = mock.Mock(url='fake:/')
        place._database = None
        (one,) = place._configured(deployment.Servers(home))
        self.assertEqual(
            ['-m', 'laboratory.hardware.quick'], one.part(part).argv[1:3]
        )
        self.assertTrue(one.part(part).argv[3].endswith(script))
