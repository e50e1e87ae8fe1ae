# SPDX-License-Identifier: Apache-2.0
"""Nova's ironic driver draws the right conclusions from what it polls."""

from collections.abc import Sequence
import concurrent.futures

from testtools import content

from ironic_async_events.tests.functional import base
from laboratory import clients
from laboratory import lifecycle
from laboratory import nova
from laboratory import prepared_bench as bench
from laboratory import processes
from laboratory import run
from laboratory import slowness
from laboratory import torn_down

DONE = nova.Conclusion.DONE
FAILED = nova.Conclusion.FAILED
GONE = nova.Conclusion.GONE

NODES = 8
_LIFE = {str(one): one for one in lifecycle.LIFE}
AVAILABLE = (_LIFE['manage'], _LIFE['provide'])
ACTIVE = (_LIFE['manage'], _LIFE['adopt'])
# Saved by the end of an operation; of a tear-down, at least the beginning.
STATES = {
    'active': ['deploying', 'active'],
    'rebuild': ['deploying', 'active'],
    'rescue': ['rescuing', 'rescue'],
    'unrescue': ['unrescuing', 'active'],
    'deleted': ['deleting'],
}


class NovaTest(base.FunctionalTestCase):
    def claim(
        self,
        running: bench.Bench,
        path: Sequence[lifecycle.Operation],
        waiting: bool = False,
    ) -> nova.Compute:
        """Make a node, lead it to where it can be used, and claim it."""
        client = clients.Client(running.ironic.endpoint)
        node = client.create()
        if waiting:
            torn_down.wait_for_agents(running, node.id)
        for operation in path:
            client.operate(node, operation)
        compute = nova.Compute(running, node.id)
        compute.claim()
        return compute

    def assert_saved(self, outcome: nova.Outcome) -> None:
        """Assert that no look showed what was before the request."""
        shown = {one for one in outcome.looks if one is not None}
        self.assertEqual(set(), shown - set(outcome.states), outcome)


class Conclusions(NovaTest):
    """What Nova makes of its looks is what has become of the node."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        service = base.Service(
            run.Run(
                plugin=True,
                options=slowness.operations(1) | torn_down.OPTIONS,
            )
        )
        service.setUp()
        cls.addClassCleanup(service.cleanUp)
        cls.bench = service.bench

    def setUp(self) -> None:
        super().setUp()

        def attach_log(exc_info: object) -> None:
            log = self.bench.ironic.log('ironic')
            self.addDetail(
                log.name, content.text_content(processes.tail(log, 60))
            )

        self.addOnException(attach_log)

    def test_each_operation_is_concluded_when_it_is_done(self):
        def live(_: int) -> list[nova.Outcome]:
            compute = self.claim(self.bench, AVAILABLE)
            return [
                compute.spawn(),
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
                self.assert_saved(one)
                self.assertEqual(expected, one.states[: len(expected)], one)

    def test_a_node_is_torn_down_from_each_state(self):
        results = torn_down.tear_down_each(self.bench)
        self.assertEqual(set(nova.TORN_DOWN), set(results))
        for state, result in results.items():
            torn = ['deleting', 'cleaning', 'available']
            under_way = torn_down.STARTS[state].under_way
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
            compute = self.claim(self.bench, AVAILABLE, waiting=True)
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                spawning = executor.submit(compute.spawn)
                self.interfere(compute.node, verb)
                return spawning.result(60).conclusion

        with concurrent.futures.ThreadPoolExecutor(2) as executor:
            found = list(executor.map(spawn, ('abort', 'deleted')))
        self.assertEqual([FAILED, GONE], found)

    def interfere(self, node: str, verb: str) -> None:
        """Change the state of a node as soon as it waits for its agent."""
        session = clients.connect(self.bench.ironic.endpoint).baremetal
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
        spawning = self.claim(running, AVAILABLE)
        rebuilding = self.claim(running, ACTIVE)
        slowness.slow_saves(running)
        outcome = spawning.spawn()
        self.assertEqual(GONE, outcome.conclusion)
        self.assertEqual(['available'], outcome.looks)
        outcome = rebuilding.rebuild()
        self.assertEqual(DONE, outcome.conclusion)
        self.assertEqual(['active'], outcome.looks)
        self.assertNotIn('active', outcome.states)
