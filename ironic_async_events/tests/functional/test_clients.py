# SPDX-License-Identifier: Apache-2.0
"""Nova and openstacksdk draw the right conclusions from what they poll."""

from collections.abc import Sequence
import concurrent.futures

from ironic_async_events.tests.functional import base
from ironic_async_events.tests.functional import nova
from ironic_async_events.tests.functional import osc
from ironic_async_events.tests.functional import slowness
from laboratory import clients
from laboratory import contract
from laboratory import deployment
from laboratory import lifecycle

DONE = nova.Conclusion.DONE
FAILED = nova.Conclusion.FAILED
GONE = nova.Conclusion.GONE

NODES = 8
_life = lifecycle.operation
AVAILABLE = (_life('manage'), _life('provide'))
ACTIVE = (_life('manage'), _life('adopt'))
# Saved by the end of an operation; of a tear-down, at least the beginning.
STATES = {
    'active': ['deploying', 'active'],
    'rebuild': ['deploying', 'active'],
    'rescue': ['rescuing', 'rescue'],
    'unrescue': ['unrescuing', 'active'],
    'deleted': ['deleting'],
}


def claim(
    running: deployment.Bench,
    path: Sequence[lifecycle.Operation],
    for_agents: bool = False,
) -> nova.Compute:
    """Make a node, lead it to where it can be used, and claim it."""
    client = clients.Client(running.ironic.endpoint)
    node = client.create()
    if for_agents:
        nova.wait_for_agents(running, node.id)
    for operation in path:
        client.operate(node, operation)
    compute = nova.Compute(running, node.id)
    compute.claim()
    return compute


class Conclusions(base.SharedTestCase):
    """What clients make of their looks is what has become of the node."""

    wanted = deployment.Run(
        plugin=True, options=slowness.operations(1) | nova.OPTIONS
    )

    def assert_saved(self, outcome: nova.Outcome) -> None:
        """Assert that no look showed what was before the request."""
        shown = {one for one in outcome.looks if one is not None}
        self.assertEqual(set(), shown - set(outcome.states), outcome)

    def test_each_operation_is_concluded_when_it_is_done(self):
        def live(_: int) -> list[nova.Outcome]:
            compute = claim(self.running, AVAILABLE)
            return [compute.operate(verb) for verb in STATES]

        with concurrent.futures.ThreadPoolExecutor(NODES) as executor:
            lives = list(executor.map(live, range(NODES)))
        for life in lives:
            for one in life:
                expected = STATES[one.operation]
                self.assertEqual(DONE, one.conclusion, one)
                self.assert_saved(one)
                self.assertEqual(expected, one.states[: len(expected)], one)

    def test_a_node_is_torn_down_from_each_state(self):
        results = nova.tear_down_each(self.running)
        for state, result in results.items():
            torn = ['deleting', 'cleaning', 'available']
            under_way = nova.STARTS[state].under_way
            if under_way is None:
                self.assertEqual(state, result.found)
            else:
                # The tear-down waits for its end.
                torn = [state, under_way.end, *torn]
            if state.endswith(' hold'):
                # No Ironic tears a node down from there.
                self.assertEqual(400, result.refused, state)
                self.assertEqual([], result.changes, state)
                continue
            self.assertIsNone(result.refused, state)
            self.assertEqual(DONE, result.outcome.conclusion, state)
            self.assert_saved(result.outcome)
            self.assertEqual(torn, result.changes, state)

    def test_a_spawn_ends_with_what_others_do_to_its_node(self):
        def spawn(verb: str) -> nova.Conclusion:
            compute = claim(self.running, AVAILABLE, for_agents=True)
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                spawning = executor.submit(compute.operate, 'active')
                self.interfere(compute.node, verb)
                return spawning.result(60).conclusion

        with concurrent.futures.ThreadPoolExecutor(2) as executor:
            found = list(executor.map(spawn, ('abort', 'deleted')))
        self.assertEqual([FAILED, GONE], found)

    def interfere(self, node: str, verb: str) -> None:
        """Change the state of a node as soon as it waits for its agent."""
        session = clients.connect(self.running.ironic.endpoint).baremetal
        session.wait_for_nodes_provision_state([node], 'wait call-back', 60)
        session.wait_for_node_reservation(node)
        # A version of the API of which the SDK does not know yet.
        answer = session.put(
            f'/nodes/{node}/states/provision',
            json={'target': verb},
            microversion='1.110',
        )
        self.assertEqual(202, answer.status_code, answer.text)

    def test_openstacksdk_returns_when_the_work_is_done(self):
        """Where an operation ends in the state in which it began.

        Who finds that state in the first GET takes the operation for done.
        The SDK's own ``wait=True`` knows no expected state for ``service``;
        there, the same poll is asked for by name.
        """
        client = clients.Client(self.running.ironic.endpoint)
        session = clients.connect(self.running.ironic.endpoint).baremetal
        node = client.create()
        saved = {}
        for operation in (
            _life('manage'),
            lifecycle.CLEAN,
            lifecycle.INSPECT,
            _life('adopt'),
            lifecycle.REBUILD,
            lifecycle.SERVICE,
        ):
            if operation.start != operation.end:
                client.operate(node, operation)
                continue
            before = self.running.eye.read(node=node.id)[-1].id
            if operation is lifecycle.SERVICE:
                node.set_provision_state(
                    session, operation.verb, **operation.arguments
                )
                session.wait_for_nodes_provision_state([node.id], 'active')
            else:
                session.set_node_provision_state(
                    node.id, operation.verb, wait=True, **operation.arguments
                )
            changes = self.running.eye.read(before, node.id)
            saved[operation.verb] = [one.state for one in changes]
            session.wait_for_node_reservation(node.id)
            node.fetch(session)
        self.assertEqual(
            {
                'clean': ['cleaning', 'manageable'],
                'inspect': ['inspecting', 'manageable'],
                'rebuild': ['deploying', 'active'],
                'service': ['servicing', 'active'],
            },
            saved,
        )


class NotWaitingForTheWorker(base.SharedTestCase):
    """What the tests of clients watch for, they find where it is allowed.

    Each change takes its time to be saved, and nobody waits for it.
    """

    wanted = deployment.Run(
        plugin=True,
        options=slowness.operations(1)
        | {'async_events': {'start_timeout': 0}},
    )

    def test_nova_takes_the_old_state_for_the_end(self):
        spawning = claim(self.running, AVAILABLE)
        rebuilding = claim(self.running, ACTIVE)
        slowness.slow_saves(self.running)
        outcome = spawning.operate('active')
        self.assertEqual(GONE, outcome.conclusion)
        self.assertEqual(['available'], outcome.looks)
        outcome = rebuilding.operate('rebuild')
        self.assertEqual(DONE, outcome.conclusion)
        self.assertEqual(['active'], outcome.looks)
        self.assertNotIn('active', outcome.states)

    def test_openstackclient_takes_the_old_state_for_the_end(self):
        (command,) = [one for one in osc.COMMANDS if one.verb == 'clean']
        node = osc.prepare(self.running, command)
        slowness.slow_saves(self.running)
        ran = osc.run(self.running, command, node)
        self.assertEqual(0, ran.returncode, ran.output)
        self.assertNotIn('manageable', ran.states)

    def test_a_get_shows_the_old_state(self):
        client = clients.Client(self.running.ironic.endpoint)
        node = client.create()
        slowness.slow_saves(self.running)
        accepted = [
            client.operate(node, operation)
            for operation in lifecycle.SHORT_LIFE[:2]
        ]
        seen = self.running.eye.read(node=node.id)
        self.assertEqual(2, len(contract.violations(accepted, seen)))
        # The workers announce what they saved all the same.
        rows = self.running.account().rows
        self.assertEqual([], [row for row in rows if row.node == node.id])
