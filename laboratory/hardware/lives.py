# SPDX-License-Identifier: Apache-2.0
"""The life of a node whose operations wait for an agent."""

from collections.abc import Callable
from collections.abc import Sequence
import concurrent.futures

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
FIRMWARE_STEP = {
    'interface': 'management',
    'step': 'update_firmware',
    'args': {
        'firmware_images': [{'url': 'http://127.0.0.1/', 'checksum': '0'}]
    },
}
_PASSWORD = {'rescue_password': 'secret'}
_operation = lifecycle.Operation


def clean(name: str, *steps: object) -> lifecycle.Operation:
    more = {'clean_steps': [*steps]}
    return _operation('clean', 'manageable', 'manageable', name, more)


def service(name: str, *steps: object) -> lifecycle.Operation:
    more = {'service_steps': [*steps]}
    return _operation('service', 'active', 'active', name, more)


MANAGE = _operation('manage', 'enroll', 'manageable')
INSPECT = _operation('inspect', 'manageable', 'manageable')
CLEAN = clean('', _STEP)
FIRMWARE = clean('clean, firmware', FIRMWARE_STEP)
PROVIDE = _operation('provide', 'manageable', 'available')
DEPLOY = _operation('active', 'available', 'active')
RESCUE = _operation('rescue', 'active', 'rescue', arguments=_PASSWORD)
UNRESCUE = _operation('unrescue', 'rescue', 'active')
SERVICE = service('', _STEP)
REBUILD = _operation('rebuild', 'active', 'active')
DELETE = _operation('deleted', 'active', 'available')

LIFE = (
    MANAGE,
    INSPECT,
    CLEAN,
    clean('clean, BIOS', _BIOS),
    FIRMWARE,
    PROVIDE,
    DEPLOY,
    RESCUE,
    UNRESCUE,
    SERVICE,
    REBUILD,
    DELETE,
    _operation('manage', 'available', 'manageable', 'manage, available'),
    _operation('adopt', 'manageable', 'active'),
    _operation('deleted', 'active', 'available', 'deleted, adopted'),
)
"""All that a node can be asked for; each operation waits for agents."""

SHORT = (MANAGE, INSPECT, PROVIDE, DEPLOY, SERVICE, DELETE)


class Client(clients.Client):
    """A client with a machine of its own."""

    seconds = 300.0

    def __init__(
        self,
        park: machines.Machines,
        machine: str,
        accepted: list[contract.Accepted] | None = None,
    ) -> None:
        super().__init__(park.agents.endpoint, accepted)
        self._park = park
        self._machine = machine

    def create(self) -> clients.WatchedNode:
        """Enroll the machine with its port."""
        own = self._machine
        self.session.create_node(**self._park.node(own))
        self.session.create_port(address=self._park.mac(own), node_id=own)
        node = clients.WatchedNode.existing(
            connection=self._connection, id=own
        )
        node.fetch(self.session)
        return node

    def operate(
        self, node: clients.WatchedNode, operation: lifecycle.Operation
    ) -> contract.Accepted:
        self.prepare(node, operation)
        return super().operate(node, operation)

    def prepare(
        self, node: clients.WatchedNode, operation: lifecycle.Operation
    ) -> None:
        """Say what is to be deployed; what is torn down forgets it."""
        if operation.verb in ('active', 'adopt'):
            info = self._park.instance_info()
            self.session.update_node(node.id, instance_info=info)


def drive(
    park: machines.Machines,
    life: Sequence[lifecycle.Operation] = LIFE,
    progress: Callable[[], None] = lambda: None,
) -> list[contract.Accepted]:
    """Let each machine live a life, all at once."""
    accepted: list[contract.Accepted] = []
    with concurrent.futures.ThreadPoolExecutor(len(park.uuids)) as executor:
        futures = [
            executor.submit(Client(park, one, accepted).lead, *life)
            for one in park.uuids
        ]
        for future in concurrent.futures.as_completed(futures):
            future.result()
    return accepted
