# SPDX-License-Identifier: Apache-2.0
"""The agents of many nodes, and what is made of their heartbeats."""

from oslotest import base
import requests

from laboratory.many import agents
from laboratory.many import report

STEP = {'interface': 'deploy', 'step': 'write', 'priority': 80}


def a_round(cpu, refused=0):
    beats = {'cpu_per_beat': cpu, 'rate': 15.0, 'forgotten': 0}
    beats['codes'] = {'202': 150, '503': refused}
    lives = {'cpu_per_transition': 0.03, 'failed': []}
    lives |= dict.fromkeys(('put_to_202_p50', '202_to_end_p50'), 0.1)
    lives['202_to_end_p99'] = 0.2
    both = {'beats': beats, 'lives': lives}
    return {'beats': beats, 'lives': lives, 'both': both, 'memory': 200e6}


class Agents(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.agents = agents.Agents()
        self.agents.__enter__()
        self.addCleanup(self.agents.__exit__)

    def ask(self, method, path, **body):
        url = f'http://127.0.0.1:{self.agents.server_port}/{path}/v1/commands/'
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, url, **body).json()

    def test_a_quick_agent_has_ended_its_step(self):
        body = {'name': 'clean.execute_clean_step', 'params': {'step': STEP}}
        self.ask('POST', 'quick/a', json=body)
        (last,) = self.ask('GET', 'quick/a')['commands']
        self.assertEqual('SUCCEEDED', last['command_status'])
        self.assertEqual(STEP, last['command_result']['clean_step'])

    def test_a_busy_agent_never_ends(self):
        (last,) = self.ask('GET', 'busy/a')['commands']
        self.assertEqual('RUNNING', last['command_status'])

    def test_an_agent_tells_its_steps(self):
        body = {'name': 'deploy.get_deploy_steps', 'params': {}}
        result = self.ask('POST', 'quick/a', json=body)['command_result']
        (steps,) = result['deploy_steps'].values()
        self.assertEqual('write', steps[0]['step'])


class Report(base.BaseTestCase):
    def bad(self, plugin, stranded=0):
        """Return the titles of the lines that do not hold."""
        sides = {'stock': a_round(0.02), 'plugin': plugin}
        sides['outbox'] = a_round(0.019)
        books = {'expected': 10, 'lost': 0, 'out_of_order': 0}
        end = {'stranded': stranded, 'idle': 0.01, 'books': books}
        scenario = {'nodes': {'10': [sides]}, 'end': dict.fromkeys(sides, end)}
        lines = report.lines(scenario)
        return [cells[1] for good, cells in lines if not good]

    def test_what_is_as_good_as_stock_holds(self):
        self.assertEqual([], self.bad(a_round(0.02)))

    def test_a_dearer_heartbeat_does_not_hold(self):
        self.assertEqual([report.CPU_OF_A_BEAT], self.bad(a_round(0.021)))

    def test_a_heartbeat_that_stock_accepts_may_not_be_refused(self):
        titles = self.bad(a_round(0.02, refused=1))
        self.assertEqual(['heartbeats refused, 409 or 503'], titles)

    def test_no_node_may_be_stranded(self):
        self.assertEqual(['nodes stranded'], self.bad(a_round(0.02), 1))
