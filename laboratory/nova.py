# SPDX-License-Identifier: Apache-2.0
"""A compute service that asks and polls as Nova's ironic driver does.

Nova finds the node of an instance in the list of nodes, looks for the first
time right after the 202, and draws its conclusions from what it sees then.
It looks again every two seconds; this one does so sooner, to see more.
What Nova does beside it, to ports, volumes and power, is left out.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import enum
from typing import Any
import uuid

from laboratory import clients
from laboratory import errors
from laboratory import lifecycle
from laboratory import prepared_bench as bench
from laboratory import processes

TORN_DOWN: Sequence[str] = (
    'active',
    'deploy failed',
    'deploy hold',
    'deploying',
    'error',
    'rescue',
    'rescue failed',
    'rescue wait',
    'rescuing',
    'service failed',
    'service hold',
    'service wait',
    'servicing',
    'unrescue failed',
    'unrescuing',
    'wait call-back',
)
"""The states from which Nova has Ironic tear a node down."""

_FIELDS = (
    'uuid',
    'provision_state',
    'target_provision_state',
    'last_error',
    'instance_uuid',
)
_CONFIG_DRIVE = 'H4sIAAAAAAAAAwMAAAAAAAAAAAA='
_PASSWORD = 'secret'
_SECONDS = 60.0
# Who finds a node locked, or no worker free, asks again: with the SDK's own
# numbers for some 16 seconds, here for a minute.
_RETRIES = 300
_RETRY_SECONDS = 0.2


class Conclusion(enum.Enum):
    """What Nova takes a look for."""

    DONE = 'done'
    FAILED = 'failed'
    GONE = 'gone'


Judge = Callable[[Any], Conclusion | None]
"""What a node, or none, means; None to look again."""


def deployed(node: Any) -> Conclusion | None:
    """Judge a node that is deployed or rebuilt."""
    if node is None:
        return Conclusion.GONE
    if node.provision_state == 'active':
        return Conclusion.DONE
    # Somebody else deletes it, or has.
    if node.target_provision_state in ('deleted', 'available'):
        return Conclusion.GONE
    if node.provision_state in (None, 'available'):
        return Conclusion.GONE
    if node.provision_state == 'deploy failed':
        return Conclusion.FAILED
    return None


def unprovisioned(node: Any) -> Conclusion | None:
    """Judge a node that is torn down; that it is cleaned is not awaited."""
    if node is None or node.provision_state in (
        None,
        'available',
        'clean failed',
        'clean wait',
        'cleaning',
    ):
        return Conclusion.DONE
    return None


def rescued(node: Any) -> Conclusion | None:
    """Judge a node that is rescued."""
    return _ended(node, 'rescue', 'rescue failed')


def unrescued(node: Any) -> Conclusion | None:
    """Judge a node that is brought back from its rescue."""
    return _ended(node, 'active', 'unrescue failed')


def _ended(node: Any, end: str, failure: str) -> Conclusion | None:
    if node is None or node.provision_state == failure:
        return Conclusion.FAILED
    return Conclusion.DONE if node.provision_state == end else None


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation.

    :param operation: what was asked for.
    :param conclusion: what was made of the last look.
    :param looks: the states that were seen, without repetitions; None where
        the instance had no node.
    :param states: the states that had been saved when it was concluded.
    """

    operation: str
    conclusion: Conclusion
    looks: Sequence[str | None]
    states: Sequence[str | None]


class Compute:
    """One compute service, for one thread and one instance at a time.

    :param running: the service that has the nodes.
    :param node: the UUID of a node without an instance.
    """

    def __init__(self, running: bench.Bench, node: str) -> None:
        self.node = node
        self.instance = ''
        self._eye = running.eye
        self._session = clients.connect(running.ironic.endpoint).baremetal
        self._session.status_code_retries = _RETRIES
        self._session.status_code_retry_delay = _RETRY_SECONDS

    def claim(self) -> None:
        """Give the node a new instance."""
        self.instance = str(uuid.uuid4())
        self._session.update_node(
            self.node, retry_on_conflict=False, instance_id=self.instance
        )

    def spawn(self) -> Outcome:
        """Deploy the node for its instance.

        :returns: what became of it.
        :raises LaboratoryError: when the node is not fit for it, or nothing
            can be concluded in time.
        """
        self._describe()
        checked = self._session.validate_node(self.node, required=())
        for interface in ('deploy', 'power', 'storage'):
            if not checked[interface].result:
                raise errors.LaboratoryError(
                    f'{interface}: {checked[interface].reason}'
                )
        return self._ask('active', deployed, config_drive=_CONFIG_DRIVE)

    def rebuild(self) -> Outcome:
        """Deploy the node once more, from ``active``."""
        self._describe()
        return self._ask('rebuild', deployed, config_drive=_CONFIG_DRIVE)

    def rescue(self) -> Outcome:
        """Rescue the instance."""
        return self._ask('rescue', rescued, rescue_password=_PASSWORD)

    def unrescue(self) -> Outcome:
        """Bring the instance back."""
        return self._ask('unrescue', unrescued)

    def destroy(self) -> Outcome:
        """Tear the node down, from any of :data:`TORN_DOWN`.

        :returns: what became of it.
        :raises LaboratoryError: when Nova would not ask for it, or nothing
            can be concluded in time.
        :raises openstack.exceptions.HttpException: when Ironic refuses.
        """
        node = self._look()
        if node is None or node.provision_state not in TORN_DOWN:
            raise errors.LaboratoryError(f'nothing to tear down: {node}')
        return self._ask('deleted', unprovisioned)

    def _describe(self) -> None:
        """Say what is to be deployed."""
        patch = [
            {'op': 'add', 'path': f'/instance_info/{name}', 'value': value}
            for name, value in lifecycle.INSTANCE_INFO.items()
        ]
        self._session.patch_node(self.node, patch)

    def _ask(self, verb: str, judge: Judge, **arguments: Any) -> Outcome:
        before = self._eye.read(node=self.node)[-1].id
        self._session.set_node_provision_state(self.node, verb, **arguments)
        looks: list[str | None] = []
        found: list[Conclusion] = []

        def concludes() -> bool:
            node = self._look()
            looks.append(node and node.provision_state)
            conclusion = judge(node)
            if conclusion is not None:
                found.append(conclusion)
            return bool(found)

        if not processes.wait_for(concludes, _SECONDS, 0.01):
            raise errors.LaboratoryError(
                f'{verb}: still in {looks[-1]!r} after {_SECONDS:.0f} s'
            )
        states = [one.state for one in self._eye.read(before, self.node)]
        return Outcome(verb, found[0], list(dict.fromkeys(looks)), states)

    def _look(self) -> Any:
        """Find the node of the instance; None if there is none."""
        nodes = self._session.nodes(instance_id=self.instance, fields=_FIELDS)
        return next(iter(nodes), None)
