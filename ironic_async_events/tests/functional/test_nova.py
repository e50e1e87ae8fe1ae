# SPDX-License-Identifier: Apache-2.0
"""Nova's ironic driver draws the right conclusions from what it polls."""

import concurrent.futures

from ironic_async_events.tests.functional import base
from ironic_async_events.tests.laboratory import bench
from ironic_async_events.tests.laboratory import clients
from ironic_async_events.tests.laboratory import lifecycle
from ironic_async_events.tests.laboratory import nova
from ironic_async_events.tests.laboratory import run
from ironic_async_events.tests.laboratory import slowness
from ironic_async_events.tests.laboratory import torn_down

DONE = nova.Conclusion.DONE
FAILED = nova.Conclusion.FAILED
GONE = nova.Conclusion.GONE

NODES = 8
AVAILABLE = lifecycle.SHORT_LIFE[:1] + lifecycle.SHORT_LIFE[-1:]
# Saved by the end of an operation; of a tear-down, at least the beginning.
STATES = {
    'active': ['deploying', 'active'],
    'rebuild': ['deploying', 'active'],
    'rescue': ['rescuing', 'rescue'],
    'unrescue': ['unrescuing', 'active'],
    'deleted': ['deleting'],
}


class NovaTest(base.FunctionalTestCase):
    def available(self, running: bench.Bench) -> nova.Compute:
        """Make a node that has an instance to be spawned."""
        client = clients.Client(running.ironic.endpoint)
        node = client.create()
        for operation in AVAILABLE:
            client.operate(node, operation)
        return nova.Compute(running, node.id)


class Lives(NovaTest):
    def test_each_operation_is_concluded_when_it_is_done(self):
        running = self.start(
            run.Run(plugin=True, options=slowness.operations(1))
        )

        def live(_: int) -> list[nova.Outcome]:
            compute = self.available(running)
            compute.claim()
            return [
                compute.spawn(),
                compute.rebuild(),
                compute.rebuild(),
                compute.rescue(),
                compute.unrescue(),
                compute.destroy(),
            ]

        with concurrent.futures.ThreadPoolExecutor(NODES) as executor:
            lives = list(executor.map(live, range(NODES)))
        for life in lives:
            for one in life:
                expected = STATES[one.operation]
                self.assertEqual(DONE, one.conclusion, one)
                # The first look is not at what was before.
                self.assertEqual(expected[0], one.looks[0], one)
                self.assertEqual(expected, one.states[: len(expected)], one)


class TearDown(NovaTest):
    def test_a_node_is_torn_down_from_each_state(self):
        running = self.start(
            run.Run(
                plugin=True,
                options=slowness.operations(2) | torn_down.OPTIONS,
            )
        )
        results = torn_down.tear_down_each(running)
        self.assertEqual(set(nova.TORN_DOWN), set(results))
        for state, result in results.items():
            self.assertEqual(state, result.found)
            if state.endswith(' hold'):
                # No Ironic tears a node down from there.
                self.assertEqual(400, result.refused, state)
                self.assertEqual([], result.changes, state)
                continue
            self.assertIsNone(result.refused, state)
            self.assertEqual(DONE, result.outcome.conclusion, state)
            self.assertEqual('deleting', result.outcome.looks[0], state)
            # What was under way ends before.
            torn = ['deleting', 'cleaning', 'available']
            self.assertEqual(torn, result.changes[-3:], state)
            under_way = torn_down.STARTS[state].under_way
            self.assertEqual(
                [] if under_way is None else [under_way.end],
                result.changes[:-3],
                state,
            )

    def test_a_spawn_ends_with_what_others_do_to_its_node(self):
        running = self.start(run.Run(plugin=True, options=torn_down.OPTIONS))

        def spawn(verb: str) -> nova.Conclusion:
            compute = self.available(running)
            torn_down.wait_for_agents(running, compute.node)
            compute.claim()
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                spawning = executor.submit(compute.spawn)
                self.interfere(running, compute.node, verb)
                return spawning.result(60).conclusion

        with concurrent.futures.ThreadPoolExecutor(2) as executor:
            found = list(executor.map(spawn, ('abort', 'deleted')))
        self.assertEqual([FAILED, GONE], found)

    def interfere(self, running: bench.Bench, node: str, verb: str) -> None:
        """Change the state of a node as soon as it waits for its agent."""
        session = clients.connect(running.ironic.endpoint).baremetal
        session.wait_for_nodes_provision_state([node], 'wait call-back', 60)
        session.wait_for_node_reservation(node)
        # A version of the API of which the SDK does not know yet.
        answer = session.put(
            f'/nodes/{node}/states/provision',
            json={'target': verb},
            microversion='1.110',
        )
        self.assertEqual(202, answer.status_code, answer.text)


class NotWaitingForTheWorker(NovaTest):
    """What these tests watch for, they find where it is allowed."""

    def test_nova_takes_the_old_state_for_the_end(self):
        running = self.start(
            run.Run(
                plugin=True,
                options={'async_events': {'start_timeout': 0}},
            )
        )
        spawning, rebuilding = (self.available(running) for _ in range(2))
        rebuilding.claim()
        self.assertEqual(DONE, rebuilding.spawn().conclusion)
        slowness.slow_saves(running)
        spawning.claim()
        outcome = spawning.spawn()
        self.assertEqual(GONE, outcome.conclusion)
        self.assertEqual(['available'], outcome.looks)
        outcome = rebuilding.rebuild()
        self.assertEqual(DONE, outcome.conclusion)
        self.assertEqual(['active'], outcome.looks)
        self.assertNotIn('active', outcome.states)
