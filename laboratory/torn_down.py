# SPDX-License-Identifier: Apache-2.0
"""Tear a node down from each state from which Nova has it torn down."""

from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import dataclasses

from openstack import exceptions
import sqlalchemy
from sqlalchemy import pool

from laboratory import clients
from laboratory import configuration
from laboratory import lifecycle
from laboratory import nova
from laboratory import prepared_bench as bench

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

    :param path: operations that end before.
    :param under_way: one that has begun and not ended.
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
"""One for each of :data:`.nova.TORN_DOWN`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of one tear-down.

    :param found: the state of the node before, when nothing was under way.
    :param outcome: what was concluded; None when it was refused.
    :param refused: the status of the answer that refused it.
    :param changes: the states that were saved until the node was at rest,
        beginning with the operation that was under way.
    """

    found: str
    outcome: nova.Outcome | None
    refused: int | None
    changes: Sequence[str | None]


def tear_down_each(running: bench.Bench) -> dict[str, Result]:
    """Prepare a node for each state, and tear all of them down at once.

    :param running: a service with :data:`OPTIONS`, in which an operation
        that is under way stays so for a while.
    :returns: what became of each, by its state.
    :raises LaboratoryError: when a node does not come to where it should.
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


def wait_for_agents(running: bench.Bench, node: str) -> None:
    """Have a node's deployment and rescue wait for an agent.

    :param running: a service with :data:`OPTIONS`.
    :param node: the UUID of a node without an instance.
    """
    clients.connect(running.ironic.endpoint).baremetal.update_node(
        node, deploy_interface=_WAITING, rescue_interface=_WAITING
    )


def _prepare(running: bench.Bench, state: str, start: Start) -> nova.Compute:
    client = clients.Client(running.ironic.endpoint)
    node = client.create()
    compute = nova.Compute(running, node.id)
    # Not every state lets it be done later.
    compute.claim()
    if _DEPLOY_WAIT in start.path or _RESCUE_WAIT in start.path:
        wait_for_agents(running, node.id)
    for operation in start.path:
        client.operate(node, operation)
    if start.written:
        engine = sqlalchemy.create_engine(
            running.ironic.database, poolclass=pool.NullPool
        )
        with engine.begin() as connection:
            connection.execute(
                sqlalchemy.text(
                    'UPDATE nodes SET provision_state = :state '
                    'WHERE uuid = :uuid'
                ),
                {'state': state, 'uuid': node.id},
            )
    return compute


def _tear_down(
    running: bench.Bench, start: Start, compute: nova.Compute
) -> Result:
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
        outcome = compute.destroy()
    except exceptions.HttpException as error:
        refused = error.status_code
    else:
        session.wait_for_nodes_provision_state([node.id], 'available', 60)
    changes = [one.state for one in running.eye.read(before, node.id)]
    return Result(found, outcome, refused, changes)
