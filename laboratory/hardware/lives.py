# SPDX-License-Identifier: Apache-2.0
"""The life of a node whose operations wait for an agent."""

import concurrent.futures
import dataclasses

from laboratory import clients
from laboratory import contract
from laboratory import lifecycle
from laboratory.hardware import machines

_STEP = {'interface': 'deploy', 'step': 'burnin_cpu'}
_BIOS = {
    'interface': 'bios',
    'step': 'apply_configuration',
    'args': {'settings': [{'name': 'ProcTurboMode', 'value': 'Disabled'}]},
}
_IMAGE = {'url': 'http://127.0.0.1/', 'checksum': '0'}
_FIRMWARE = {
    'interface': 'management',
    'step': 'update_firmware',
    'args': {'firmware_images': [_IMAGE]},
}


def _do(
    step: object, operation: lifecycle.Operation, name: str = ''
) -> lifecycle.Operation:
    more = {f'{operation.verb}_steps': [step]}
    return dataclasses.replace(operation, name=name, arguments=more)


MANAGE, PROVIDE, DEPLOY, RESCUE, UNRESCUE, AGAIN, ADOPT, DELETE = map(
    lifecycle.operation,
    (
        *('manage', 'provide', 'active', 'rescue', 'unrescue'),
        *('manage, available', 'adopt', 'deleted'),
    ),
)
INSPECT = lifecycle.INSPECT
CLEAN = _do(_STEP, lifecycle.CLEAN)
CLEAN_BIOS = _do(_BIOS, CLEAN, 'clean, BIOS')
CLEAN_FIRMWARE = _do(_FIRMWARE, CLEAN, 'clean, firmware')
SERVICE = _do(_STEP, lifecycle.SERVICE)
SERVICE_FIRMWARE = _do(_FIRMWARE, SERVICE, 'service, firmware')

LIFE = (
    *(MANAGE, INSPECT, CLEAN, CLEAN_BIOS, CLEAN_FIRMWARE),
    *(PROVIDE, DEPLOY, RESCUE, UNRESCUE, SERVICE, SERVICE_FIRMWARE),
    *(lifecycle.REBUILD, DELETE, AGAIN, ADOPT, DELETE),
)
"""All that a node can be asked for; most operations wait for an agent."""

SHORT = (MANAGE, INSPECT, PROVIDE, DEPLOY, SERVICE, DELETE)


class Client(clients.Client):
    """A client with a machine of its own."""

    seconds = 300.0

    def __init__(
        self,
        park: machines.Machines,
        machine: str,
        accepted: list[contract.Accepted],
    ) -> None:
        super().__init__(park.agents.endpoint, accepted)
        self.park, self.machine = park, machine

    def create(self) -> clients.WatchedNode:
        """Enroll the machine with its port."""
        own = self.machine
        self.session.create_node(**self.park.node(own))
        self.session.create_port(address=self.park.mac(own), node_id=own)
        node: clients.WatchedNode = clients.WatchedNode.existing(
            connection=self._connection, id=own
        )
        node.fetch(self.session)
        return node

    def _ask(
        self, node: clients.WatchedNode, operation: lifecycle.Operation
    ) -> float:
        # What is torn down forgets it.
        if operation.verb in ('active', 'adopt'):
            info = self.park.instance_info()
            self.session.update_node(node.id, instance_info=info)
        return super()._ask(node, operation)


def drive(park: machines.Machines) -> list[contract.Accepted]:
    """Let each machine live :data:`LIFE`, all at once."""
    accepted: list[contract.Accepted] = []
    with concurrent.futures.ThreadPoolExecutor(len(park.uuids)) as executor:
        futures = [
            executor.submit(Client(park, one, accepted).lead, *LIFE)
            for one in park.uuids
        ]
        for future in concurrent.futures.as_completed(futures):
            future.result()
    return accepted
