# SPDX-License-Identifier: Apache-2.0
"""Does a client that waits for an operation wait until it was done?

Where an operation ends in the state in which it began, a client that finds
that state in its first ``GET`` takes the operation for done. openstacksdk
does, and so does whoever polls as it does.
"""

from collections.abc import Sequence
import dataclasses

from laboratory import clients
from laboratory import lifecycle
from laboratory import prepared_bench as running
from laboratory import witness

PREPARATION = (
    lifecycle.Operation('manage', 'enroll', 'manageable'),
    lifecycle.Operation('adopt', 'manageable', 'active'),
)
"""What brings a node to where it can be rebuilt and serviced."""


@dataclasses.dataclass(frozen=True, slots=True)
class Waited:
    """What had been saved at the moment when the client's call returned.

    :param name: the operation.
    :param states: the states that the node had gone through by then.
    """

    name: str
    states: Sequence[str | None]


def wait_for_each(bench: running.Bench) -> list[Waited]:
    """Clean, inspect, rebuild and service a node, and wait with the SDK.

    The SDK's own ``wait=True`` knows no expected state for ``service``;
    there, the same poll is asked for by name.

    :param bench: a service whose operations take their time.
    :returns: one entry for each operation, in the order of the operations.
    """
    client = clients.Client(bench.ironic.endpoint)
    session = clients.connect(bench.ironic.endpoint).baremetal
    node = client.create()
    client.operate(node, PREPARATION[0])
    waited = []

    def note(name: str, before: list[witness.Seen]) -> None:
        states = [one.state for one in bench.eye.read(before[-1].id, node.id)]
        waited.append(Waited(name, states))
        session.wait_for_node_reservation(node.id)
        node.fetch(session)

    for operation in (lifecycle.CLEAN, lifecycle.INSPECT):
        before = bench.eye.read(node=node.id)
        session.set_node_provision_state(
            node.id, operation.verb, wait=True, **operation.arguments
        )
        note(operation.verb, before)
    client.operate(node, PREPARATION[1])
    before = bench.eye.read(node=node.id)
    session.set_node_provision_state(node.id, 'rebuild', wait=True)
    note('rebuild', before)
    before = bench.eye.read(node=node.id)
    found = session.get_node(node.id)
    found.set_provision_state(
        session, 'service', **lifecycle.SERVICE.arguments
    )
    session.wait_for_nodes_provision_state([node.id], 'active')
    note('service', before)
    return waited
