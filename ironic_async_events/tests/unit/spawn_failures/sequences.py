# SPDX-License-Identifier: Apache-2.0
"""Random lives of a few nodes, checked after every step.

A step is one operation on one node: most of them fit its state, some do not.
Its worker starts or is kept from starting by one of the causes; its work
succeeds, has to wait, or fails. Everything follows from the seed.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import functools
import random
from typing import Any

import fixtures
from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import manager
from ironic.drivers.modules import fake

from ironic_async_events.tests.unit.spawn_failures import base
from ironic_async_events.tests.unit.spawn_failures import cases
from ironic_async_events.tests.unit.spawn_failures import causes
from ironic_async_events.tests.unit.spawn_failures import outcome
from ironic_async_events.tests.unit.spawn_failures import writes

NODES = 3
_LOG_STEP = {'interface': 'vendor', 'step': 'log_passthrough', 'args': {}}
_STEPS = ('clean_step', 'deploy_step', 'service_step')

#: Methods of the fake interfaces, what they return when they succeed, and
#: when their work goes on elsewhere.
_WORK: tuple[tuple[Any, str, Any, Any], ...] = (
    (fake.FakeDeploy, 'deploy', None, states.DEPLOYWAIT),
    (fake.FakeDeploy, 'tear_down', states.DELETED, states.DELETED),
    (fake.FakeDeploy, 'take_over', None, None),
    (fake.FakeInspect, 'inspect_hardware', 'manageable', states.INSPECTWAIT),
    (fake.FakeInspect, 'continue_inspection', None, states.INSPECTWAIT),
    (fake.FakePower, 'get_power_state', 'power off', 'power off'),
    (fake.FakeRescue, 'rescue', states.RESCUE, states.RESCUEWAIT),
    (fake.FakeRescue, 'unrescue', states.ACTIVE, states.ACTIVE),
    (fake.FakeVendorB, 'log_passthrough', None, 'wait'),
)


def _more(operation: str, state: str, method: str, *args: Any) -> cases.Case:
    return cases.Case(
        operation,
        state,
        method,
        lambda conductor, context, uuid: getattr(conductor, method)(
            context, uuid, *args
        ),
    )


def _operations() -> Iterator[cases.Case]:
    """Yield the table without what needs an orphan, and more."""
    for case in cases.CASES:
        if not case.node and not case.options:
            yield case
    yield _more('clean', 'manageable', 'do_node_clean', [_LOG_STEP])
    yield _more('service', 'active', 'do_node_service', [_LOG_STEP])
    # Without a worker.
    for state in (
        'available',
        'clean failed',
        'inspect failed',
        'adopt failed',
    ):
        yield _more('manage', state, 'do_provisioning_action', 'manage')
    yield _more('unhold', 'clean hold', 'do_provisioning_action', 'unhold')
    yield _more('abort', 'inspect wait', 'do_provisioning_action', 'abort')


OPERATIONS = tuple(
    case
    for case in _operations()
    if hasattr(manager.ConductorManager, case.method)
)


class Life(base.Bench):
    """One sequence of steps.

    :param seed: what everything follows from.
    :param steps: how many.
    """

    def __init__(self, seed: int, steps: int) -> None:
        super().__init__('run_steps')
        self._random = random.Random(seed)
        self._steps = steps
        self._transcript: list[str] = []
        self._faults: list[str] = []
        self._saved: dict[str, list[str]] = {}
        self._work = 'done'

    @property
    def transcript(self) -> list[str]:
        """What was done, one line a step."""
        return self._transcript

    @property
    def faults(self) -> list[str]:
        """What did not agree after the last step; empty when all did."""
        return self._faults

    def run_steps(self) -> None:
        """Live until the steps are over or something does not agree."""
        self._record_saves()
        self._replace_work()
        nodes = [self._new_node() for _ in range(NODES)]
        for _ in range(self._steps):
            which = self._random.randrange(NODES)
            self._faults = self._step(which, nodes[which])
            for node in nodes:
                self._faults.extend(self._disagreements(node))
            if self._faults:
                return
            state = self.read(nodes[which])['provision_state']
            if state in outcome.TRANSIENT or self._random.random() < 0.1:
                # Stranded when the database failed in the middle of the
                # work; or seen enough of.
                nodes[which] = self._new_node()

    # Arrangements

    def _record_saves(self) -> None:
        """Note every change of a provision state that is written."""

        def record(update_node: Any, *args: Any) -> Any:
            *_, node_id, values = args
            state = values.get('provision_state')
            answer = update_node(*args)
            if isinstance(node_id, int):
                node_id = self.dbapi.get_node_by_id(node_id).uuid
            saved = self._saved.get(node_id)
            if state is not None and saved is not None and saved[-1] != state:
                saved.append(state)
            return answer

        for replacement in writes.replaced(record):
            self.useFixture(replacement)

    def _replace_work(self) -> None:
        """Let the fake interfaces do what the step wants."""
        for interface, name, done, wait in _WORK:
            original = getattr(interface, name, None)
            if original is None and name != 'continue_inspection':
                continue
            self.useFixture(
                fixtures.MonkeyPatch(
                    f'{interface.__module__}.{interface.__name__}.{name}',
                    self._worker_function(original, done, wait),
                )
            )

    def _worker_function(
        self, original: Any, done: Any, wait: Any
    ) -> Callable[..., Any]:
        def work(interface: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
            if self._work == 'fail':
                raise exception.IronicException('the work has failed')
            if self._work == 'done':
                return done
            if wait != 'wait':
                return wait
            servicing = task.node.provision_state in states.SERVICING_STATES
            return states.SERVICEWAIT if servicing else states.CLEANWAIT

        # What the decorators of steps have left on it counts.
        return functools.wraps(original)(work) if original else work

    def _new_node(self) -> str:
        case = self._random.choice(
            [case for case in OPERATIONS if case.state != states.DEPLOYING]
        )
        fields = {**case.fields(), 'instance_uuid': None}
        uuid = str(self.create_node(**fields).uuid)
        self._saved[uuid] = [case.state]
        return uuid

    # One step

    def _step(self, which: int, uuid: str) -> list[str]:
        self._tidy(uuid)
        before = self.read(uuid)
        case, cause = self._choose(before['provision_state'])
        self._work = self._random.choice(('done', 'done', 'wait', 'fail'))
        sent = len(self._sent(uuid))
        with self.time_out() if case.periodic else contextlib.nullcontext():
            error, asked = self.ask(case, cause, uuid)
        after = self.read(uuid)
        self._transcript.append(
            f'node {which} in {before["provision_state"]}: {case.operation}, '
            f'{cause.name if cause else "worker runs"}, work: {self._work}: '
            f'{type(error).__name__ if error else "accepted"}, '
            f'now {after["provision_state"]}'
        )
        if isinstance(cause, causes.Interrupted):
            return []
        seen = outcome.Outcome(case.name, before, after, error=error)
        if cause is not None and asked:
            # Nothing of it may be left.
            faults = seen.faults()
        elif error is not None and not case.periodic:
            # Refused for its own fault: whatever Ironic has validated and
            # stored before, the state is the old one.
            faults = [
                fault
                for fault in seen.faults()
                if fault.startswith(('provision_state:', 'reservation:'))
            ]
        else:
            return []
        if len(self._sent(uuid)) != sent:
            faults.append('something was sent for a refused request')
        return faults

    def _tidy(self, uuid: str) -> None:
        """Do what an operator and a driver would do between the steps."""
        node = objects.Node.get_by_uuid(self.context, uuid)
        node.maintenance = False
        fields = cases.CASES[0].fields()
        node.instance_info = {**fields['instance_info'], **node.instance_info}
        node.driver_internal_info = {
            **fields['driver_internal_info'],
            **node.driver_internal_info,
        }
        for name in _STEPS:
            step = getattr(node, name, None)
            if step:
                setattr(node, name, {**step, 'abortable': True})
        node.save()

    def _choose(self, state: str) -> tuple[cases.Case, causes.Cause | None]:
        fitting = [case for case in OPERATIONS if case.state == state]
        if not fitting or self._random.random() < 0.1:
            fitting = [case for case in OPERATIONS if not case.periodic]
        case = self._random.choice(fitting)
        cause = None
        if self._random.random() < 0.4:
            cause = self._random.choice((*causes.CAUSES, causes.Interrupted()))
            if cause.only_staged and not case.staged:
                cause = None
        return case, cause

    # What has to agree

    def _sent(self, uuid: str) -> list[dict[str, Any]]:
        return [
            data
            for event_type, data in self.notifier.sent
            if '.provision_set.' in event_type and data['uuid'] == uuid
        ]

    def _disagreements(self, uuid: str) -> Iterator[str]:
        """Compare the chain of notifications with the database."""
        saved = self._saved[uuid]
        sent = self._sent(uuid)
        now = self.read(uuid)
        if now['reservation'] is not None:
            yield f'locked by {now["reservation"]}'
        if now['provision_state'] != saved[-1]:
            yield f'in {now["provision_state"]}, not in {saved[-1]}'
        told = [data['provision_state'] for data in sent]
        if told != saved[1:]:
            yield f'saved {saved[1:]}, sent {told}'
        previous = saved[0]
        for data in sent:
            if data['previous_provision_state'] != previous:
                yield (
                    f'the chain breaks: {previous}, then '
                    f'{data["previous_provision_state"]} -> '
                    f'{data["provision_state"]}'
                )
            previous = data['provision_state']
            expected = outcome.result(
                data['previous_provision_state'], data['event']
            )
            if expected != previous:
                yield (
                    f'{data["event"]} leads from '
                    f'{data["previous_provision_state"]} to {expected}, '
                    f'not to {previous}'
                )
