# SPDX-License-Identifier: Apache-2.0
"""What agents answer, and what they do when they are bent."""

from unittest import mock

from oslotest import base

from laboratory.hardware import agents

STEP = {'interface': 'deploy', 'step': 'burnin_cpu'}


class AgentTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fleet = mock.create_autospec(agents.Agents, instance=True)
        self.fleet.url, self.fleet.tokens = 'http://127.0.0.1:1', {}
        self.fleet.seconds, self.fleet.power = 2.0, mock.Mock()
        self.agent = agents.Agent(self.fleet, 'uuid', agents.Bend())
        self.call = self.fleet.api.return_value.call

    def bend(self, **values: object) -> None:
        self.agent = agents.Agent(self.fleet, 'uuid', agents.Bend(**values))

    def ask(self, name: str) -> tuple[int, dict] | None:
        return self.agent.ask(name, {'step': STEP})

    def end(self) -> None:
        self.fleet.later.call_args.args[1]()

    def test_a_question_is_answered_at_once(self) -> None:
        code, answer = self.ask('clean.get_clean_steps')
        self.assertEqual(200, code)
        self.assertEqual('SUCCEEDED', answer['command_status'])
        self.assertIn('clean_steps', answer['command_result'])

    def test_a_step_runs_and_its_end_is_said(self) -> None:
        _, answer = self.ask('clean.execute_clean_step')
        self.assertEqual('RUNNING', answer['command_status'])
        self.end()
        self.assertEqual('SUCCEEDED', answer['command_status'])
        self.assertEqual(STEP, answer['command_result']['clean_step'])
        self.fleet.soon.assert_called_once_with(self.agent.heartbeat)

    def test_an_agent_does_one_thing_at_a_time(self) -> None:
        self.ask('clean.execute_clean_step')
        code, answer = self.ask('clean.execute_clean_step')
        self.assertEqual(409, code)
        self.assertIn('Agent is busy', answer['faultstring'])

    def test_an_answer_is_lost_once(self) -> None:
        self.bend(lose=frozenset(['sync']))
        self.assertIsNone(self.ask('standby.sync'))
        self.assertIsNotNone(self.ask('standby.sync'))
        self.assertEqual(2, len(self.agent.commands))

    def test_an_agent_that_dies_carries_out_nothing(self) -> None:
        self.bend(die=frozenset(['sync']))
        self.assertIsNone(self.ask('standby.sync'))
        self.assertFalse(self.agent.alive)
        self.assertEqual([], self.agent.commands)

    def test_a_failed_step_says_so(self) -> None:
        self.bend(fail=frozenset(['execute_clean_step']))
        _, answer = self.ask('clean.execute_clean_step')
        self.end()
        self.assertEqual('FAILED', answer['command_status'])

    def test_the_machine_goes_off_when_its_agent_is_told_to(self) -> None:
        self.ask('standby.power_off')
        self.end()
        self.fleet.power.assert_called_once_with('uuid', 'ForceOff')

    def test_a_heartbeat_has_the_token_of_the_lookup(self) -> None:
        token = {'config': {'agent_token': 'new'}}
        self.call.side_effect = [(200, token), (202, None)]
        self.agent.look_up()
        self.assertEqual('new', self.call.call_args.args[2]['agent_token'])
        self.fleet.later.assert_called_once_with(2.0, self.agent.beat)

    def test_a_stale_agent_has_the_token_of_the_boot_before(self) -> None:
        self.fleet.tokens['uuid'] = ['old']
        self.bend(stale=True, mute=True)
        token = {'config': {'agent_token': 'new'}}
        self.call.return_value = (200, token)
        self.agent.look_up()
        self.assertEqual('old', self.agent.token)

    def test_a_mute_agent_waits_until_it_is_woken(self) -> None:
        self.bend(mute=True)
        token = {'config': {'agent_token': 'new'}}
        self.call.side_effect = [(200, token), (202, None)]
        self.agent.look_up()
        self.assertEqual(1, self.call.call_count)
        self.agent.wake()
        self.assertEqual(2, self.call.call_count)

    def test_what_is_refused_is_repeated_later_and_later(self) -> None:
        self.call.return_value = (503, None)
        self.agent.beat()
        self.agent.beat()
        pauses = [each.args[0] for each in self.fleet.later.call_args_list]
        self.assertEqual([0.5, 1.0], pauses)
