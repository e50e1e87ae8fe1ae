# SPDX-License-Identifier: Apache-2.0
"""A compute service that asks and polls as Nova's ironic driver does.

Nova finds the node of an instance in the list of nodes, looks for the first
time right after the 202, and draws its conclusions from what it sees then.
It looks again every two seconds; this one does so sooner, to see more.
What Nova does beside it, to ports, volumes and power, is left out.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import dataclasses
import enum
from typing import Any
import uuid

from openstack import exceptions

from laboratory import clients
from laboratory import configuration
from laboratory import deployment
from laboratory import errors
from laboratory import lifecycle
from laboratory import processes

_FIELDS = (
    'uuid',
    'provision_state',
    'target_provision_state',
    'last_error',
    'instance_uuid',
)
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


_DONE, _FAILED, _GONE = Conclusion
_DEPLOYED = {
    'active': _DONE,
    'deploy failed': _FAILED,
    'available': _GONE,
    None: _GONE,
}
# That the node is cleaned is not awaited.
_TORN = ('available', 'clean failed', 'clean wait', 'cleaning', None)
_MEANINGS: Mapping[str, Mapping[str | None, Conclusion]] = {
    'active': _DEPLOYED,
    'rebuild': _DEPLOYED,
    'rescue': {'rescue': _DONE, 'rescue failed': _FAILED, None: _FAILED},
    'unrescue': {'active': _DONE, 'unrescue failed': _FAILED, None: _FAILED},
    'deleted': dict.fromkeys(_TORN, _DONE),
}
_ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    'active': {'config_drive': 'H4sIAAAAAAAAAwMAAAAAAAAAAAA='},
    'rebuild': {'config_drive': 'H4sIAAAAAAAAAwMAAAAAAAAAAAA='},
    'rescue': {'rescue_password': 'secret'},
}


def _conclude(verb: str, node: Any) -> Conclusion | None:
    """Say what a node, or none, means; None to look again."""
    state = node and node.provision_state
    if (
        node
        and _MEANINGS[verb] is _DEPLOYED
        and state != 'active'
        and node.target_provision_state in ('deleted', 'available')
    ):
        # Somebody else deletes it.
        return _GONE
    return _MEANINGS[verb].get(state)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation.

    :param looks: the states that were seen, without repetitions; None where
        the instance had no node.
    :param states: the states that had been saved when it was concluded.
    """

    operation: str
    conclusion: Conclusion
    looks: Sequence[str | None]
    states: Sequence[str | None]


class Compute:
    """One compute service, for one thread and one instance at a time."""

    def __init__(self, running: deployment.Bench, node: str) -> None:
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

    def operate(self, verb: str) -> Outcome:
        """Do what Nova does for an operation, and poll as it does."""
        if verb in ('active', 'rebuild'):
            self._describe()
        if verb == 'active':
            checked = self._session.validate_node(self.node, required=())
            for interface in ('deploy', 'power', 'storage'):
                if not checked[interface].result:
                    raise errors.LaboratoryError(
                        f'{interface}: {checked[interface].reason}'
                    )
        if verb == 'deleted':
            node = self._look()
            if node is None or node.provision_state not in STARTS:
                raise errors.LaboratoryError(f'nothing to tear down: {node}')
        return self._ask(verb)

    def _describe(self) -> None:
        """Say what is to be deployed."""
        patch = [
            {'op': 'add', 'path': f'/instance_info/{name}', 'value': value}
            for name, value in lifecycle.INSTANCE_INFO.items()
        ]
        self._session.patch_node(self.node, patch)

    def _ask(self, verb: str) -> Outcome:
        before = self._eye.read(node=self.node)[-1].id
        self._session.set_node_provision_state(
            self.node, verb, **_ARGUMENTS.get(verb, {})
        )
        looks: list[str | None] = []
        found: list[Conclusion] = []

        def concludes() -> bool:
            node = self._look()
            looks.append(node and node.provision_state)
            conclusion = _conclude(verb, node)
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


_WAITING = 'async-events-waiting'
OPTIONS: configuration.Options = {
    'DEFAULT': {
        'enabled_deploy_interfaces': f'fake,{_WAITING}',
        'enabled_rescue_interfaces': f'fake,{_WAITING}',
    }
}
"""For a service some of whose operations wait for an agent."""

_life = lifecycle.operation
_MANAGE = _life('manage')
_DEPLOY_WAIT = lifecycle.Operation('active', 'available', 'wait call-back')
_RESCUE_WAIT = lifecycle.Operation(
    'rescue',
    'active',
    'rescue wait',
    arguments=_life('rescue').arguments,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """How a new node gets to where it is to be torn down.

    :param written: whether the state is written into the database: no
        operation of ``fake-hardware`` ends there.
    """

    path: Sequence[lifecycle.Operation]
    under_way: lifecycle.Operation | None = None
    written: bool = False


_ACTIVE = (_MANAGE, _life('adopt'))
_AVAILABLE = (_MANAGE, _life('provide'))
STARTS: Mapping[str, Start] = {
    'active': Start(_ACTIVE),
    'deploy failed': Start(_ACTIVE, written=True),
    'deploy hold': Start(_ACTIVE, written=True),
    'deploying': Start(_AVAILABLE, _life('active')),
    'error': Start(_ACTIVE, written=True),
    'rescue': Start((*_ACTIVE, _life('rescue'))),
    'rescue failed': Start(
        (
            *_ACTIVE,
            _RESCUE_WAIT,
            lifecycle.Operation('abort', 'rescue wait', 'rescue failed'),
        )
    ),
    'rescue wait': Start((*_ACTIVE, _RESCUE_WAIT)),
    'rescuing': Start(_ACTIVE, _life('rescue')),
    'service failed': Start((*_ACTIVE, _life('service, failing'))),
    'service hold': Start((*_ACTIVE, _life('service, holding'))),
    'service wait': Start((*_ACTIVE, _life('service, waiting'))),
    'servicing': Start(_ACTIVE, _life('service')),
    'unrescue failed': Start(_ACTIVE, written=True),
    'unrescuing': Start((*_ACTIVE, _life('rescue')), _life('unrescue')),
    'wait call-back': Start((*_AVAILABLE, _DEPLOY_WAIT)),
}
"""The states from which Nova has Ironic tear a node down."""


@dataclasses.dataclass(frozen=True, slots=True)
class TornDown:
    """What became of one tear-down.

    :param outcome: what was concluded; None when it was refused.
    :param refused: the status of the answer that refused it.
    :param changes: the states that were saved until the node was at rest,
        beginning with the operation that was under way.
    """

    found: str
    outcome: Outcome | None
    refused: int | None
    changes: Sequence[str | None]


def tear_down_each(running: deployment.Bench) -> dict[str, TornDown]:
    """Prepare a node for each state, and tear all of them down at once.

    :param running: a service with :data:`OPTIONS`, in which an operation
        that is under way stays so for a while.
    """
    with concurrent.futures.ThreadPoolExecutor(len(STARTS)) as executor:
        prepared = list(
            executor.map(lambda one: _prepare(running, *one), STARTS.items())
        )
        results = executor.map(
            lambda start, compute: _tear_down(running, start, compute),
            STARTS.values(),
            prepared,
        )
        return dict(zip(STARTS, results, strict=True))


def wait_for_agents(running: deployment.Bench, node: str) -> None:
    """Have a node's deployment and rescue wait for an agent."""
    clients.connect(running.ironic.endpoint).baremetal.update_node(
        node, deploy_interface=_WAITING, rescue_interface=_WAITING
    )


def _prepare(running: deployment.Bench, state: str, start: Start) -> Compute:
    client = clients.Client(running.ironic.endpoint)
    node = client.create()
    compute = Compute(running, node.id)
    # Not every state lets it be done later.
    compute.claim()
    if _DEPLOY_WAIT in start.path or _RESCUE_WAIT in start.path:
        wait_for_agents(running, node.id)
    for operation in start.path:
        client.operate(node, operation)
    if start.written:
        running.eye.execute(
            f"UPDATE nodes SET provision_state = '{state}' "
            f"WHERE uuid = '{node.id}'"
        )
    return compute


def _tear_down(
    running: deployment.Bench, start: Start, compute: Compute
) -> TornDown:
    session = clients.connect(running.ironic.endpoint).baremetal
    node = session.get_node(compute.node)
    found = node.provision_state
    before = running.eye.read(node=node.id)[-1].id
    if start.under_way is not None:
        node.set_provision_state(
            session, start.under_way.verb, **start.under_way.arguments
        )
    outcome = refused = None
    try:
        outcome = compute.operate('deleted')
    except exceptions.HttpException as error:
        refused = error.status_code
    else:
        session.wait_for_nodes_provision_state([node.id], 'available', 60)
    changes = [one.state for one in running.eye.read(before, node.id)]
    return TornDown(found, outcome, refused, changes)
