# SPDX-License-Identifier: Apache-2.0
"""Lives, what can go wrong with agents in them, and what must hold.

Each scenario has a node of its own; all of one place run at once.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import contextlib
import dataclasses
import pathlib
import tempfile
import threading
from typing import NamedTuple

from laboratory import cluster
from laboratory import configuration
from laboratory import contract
from laboratory import errors
from laboratory import lifecycle
from laboratory import processes
from laboratory import truth
from laboratory.api import Api
from laboratory.hardware import agents
from laboratory.hardware import lives
from laboratory.hardware import machines

# It may not be imported here.
_FORCED = str(pathlib.Path(cluster.__file__).with_name('forced.py'))
_SECONDS = 240.0
_HELD = 'held'
_MUTE = agents.Bend(mute=True)


class Wait(NamedTuple):
    """A wait state: how a node gets there, and where it may end.

    :param worker: the function that an abort needs a worker for.
    """

    path: Sequence[lifecycle.Operation]
    operation: lifecycle.Operation
    failed: str
    worker: str
    abort: str = 'abort'
    aborted: str = ''


_MANAGED, _ACTIVE = (lives.MANAGE,), (lives.MANAGE, lives.ADOPT)
_AVAILABLE = (lives.MANAGE, lives.PROVIDE)
WAITS: Mapping[str, Wait] = {
    'clean wait': Wait(
        _MANAGED, lives.CLEAN, 'clean failed', 'do_node_clean_abort'
    ),
    'inspect wait': Wait(_MANAGED, lives.INSPECT, 'inspect failed', ''),
    'wait call-back': Wait(
        *(_AVAILABLE, lives.DEPLOY, 'deploy failed', '_do_node_tear_down'),
        *('deleted', 'available'),
    ),
    'rescue wait': Wait(
        _ACTIVE, lives.RESCUE, 'rescue failed', '_do_node_rescue_abort'
    ),
    'service wait': Wait(
        *(_ACTIVE, lives.SERVICE, 'service failed', 'do_node_service_abort'),
        *('abort', 'active'),
    ),
}
_STEP = 'execute_clean_step'
BENDS: Mapping[str, tuple[agents.Bend, str]] = {
    'slow': (agents.Bend(seconds=8), 'manageable'),
    'loses the answer of a step': (
        agents.Bend(seconds=3, lose=_STEP),
        'manageable',
    ),
    'loses an answer': (agents.Bend(lose='get_clean_steps'), 'manageable'),
    'fails': (agents.Bend(fail=_STEP), 'clean failed'),
    'dies': (agents.Bend(die=_STEP), 'clean failed'),
}
"""What an agent does otherwise, and how a cleaning ends then."""


class Play(lives.Client):
    """One node in trouble, for one thread."""

    def __init__(self, place: 'Place', machine: str) -> None:
        super().__init__(place.park, machine, place.accepted)
        self.place = place
        self.node = self.create()

    @property
    def agent(self) -> agents.Agent:
        return self.park.agents.agents[self.machine]

    @property
    def codes(self) -> list[int]:
        """How heartbeats and results of inspections were answered."""
        return self.park.agents.codes[self.machine]

    def bend(self, bend: agents.Bend) -> None:
        """Say how the agents of this node behave from the next boot on."""
        self.park.agents.bends[self.machine] = bend

    def go(self, *path: lifecycle.Operation) -> None:
        for one in path:
            self.operate(self.node, one)

    def ask(self, operation: lifecycle.Operation) -> None:
        """Ask for something, and do not wait for its end."""
        self._ask(self.node, operation)

    def put(self, verb: str) -> int:
        """Ask for something; return the code of the answer."""
        path = f'/v1/nodes/{self.machine}/states/provision'
        return Api(self.place.endpoint).call('PUT', path, {'target': verb})[0]

    def until(self, state: str) -> None:
        """Wait until the node is in a state, and nobody works on it."""

        def there() -> bool:
            node = self.node.fetch(self.session)
            now = node.provision_state
            wrong = now.endswith(('failed', 'error')) and not node.reservation
            if wrong and now != state:
                raise errors.LaboratoryError(f'{now}: {node.last_error}')
            return bool(now == state and not node.reservation)

        if not processes.wait_for(there, _SECONDS, 0.3):
            now = self.node.provision_state
            raise errors.LaboratoryError(f'is in {now}, not in {state}')

    def before(self, state: str) -> Wait:
        """Bring the node to where the way into a wait state begins."""
        # What is cleaned is cleaned because it is asked for.
        self.session.update_node(self.machine, automated_clean=False)
        self.go(*WAITS[state].path)
        return WAITS[state]

    def waits(self, state: str) -> Wait:
        """Bring the node into a wait state; its agent is there, and mute."""
        wait = self.before(state)
        self.bend(_MUTE)
        self.ask(wait.operation)
        self.until(state)
        self.meet(lambda: self.agent.token or 'inspect' in state)
        return wait

    def meet(self, condition: Callable[[], object]) -> None:
        def met() -> bool:
            with contextlib.suppress(LookupError):
                return bool(condition())
            return False

        if not processes.wait_for(met, _SECONDS, 0.2):
            raise errors.LaboratoryError('what was waited for did not come')

    def wake(self) -> None:
        """Let the agent behave from now on, and in the boots to come."""
        self.bend(agents.Bend())
        self.agent.wake()

    @contextlib.contextmanager
    def without_worker(self, *functions: str) -> Iterator[None]:
        """Refuse workers for functions on this node, at least one."""
        full = self.place.home / f'full-{self.machine}'
        full.write_text(' '.join(functions))
        refused = self.place.home / 'refused'
        try:
            yield
            self.meet(lambda: refused.exists())
            self.meet(lambda: self.machine in refused.read_text())
        finally:
            full.unlink()


Scenario = Callable[[Play, str], None]
SCENARIOS: dict[str, dict[str, tuple[Scenario, str]]] = {}
"""Place -> name -> what is done, and in which state or for which bend."""


def _in(place: str, *states: str) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        name = scenario.__name__.replace('_', ' ')
        for state in states:
            full = ', '.join(filter(None, (name, state)))
            SCENARIOS.setdefault(place, {})[full] = scenario, state
        return scenario

    return register


@_in('lives', '1', '2', '3')
def life(play: Play, _: str) -> None:
    """A node does all that it can be asked for."""
    play.go(*lives.LIFE)


@_in('no-worker', *WAITS)
def no_worker_at_heartbeat(play: Play, state: str) -> None:
    """The agent repeats its heartbeat, and the life goes on."""
    wait = play.waits(state)
    with play.without_worker('heartbeat', 'continue_inspection'):
        play.wake()
    play.until(wait.operation.end)


@_in('no-worker', *(state for state in WAITS if WAITS[state].worker))
def no_worker_at_abort(play: Play, state: str) -> None:
    """The abort changes nothing, and the life goes on."""
    wait = play.waits(state)
    with play.without_worker(wait.worker):
        code = play.put(wait.abort)
    if code != 503:
        raise errors.LaboratoryError(f'the answer was {code}')
    play.until(state)
    play.wake()
    play.until(wait.operation.end)


@_in('no-worker', 'clean wait', 'service wait')
def no_worker_at_resume(play: Play, state: str) -> None:
    """An out-of-band step says its end once, and the life goes on."""
    operation = lives.CLEAN_FIRMWARE
    if state == 'service wait':
        operation = lives.SERVICE_FIRMWARE
    play.before(state)
    with play.without_worker('continue_node_clean', 'continue_node_service'):
        play.ask(operation)
    play.until(operation.end)


@_in('time-outs', *WAITS)
def timed_out(play: Play, state: str) -> None:
    """The agent is silent until the time-out, and comes back after it."""
    wait = play.waits(state)
    agent = play.agent
    play.until(wait.failed)
    agent.alive = True
    agent.wake()
    play.meet(lambda: len(play.codes) > 1)
    play.until(wait.failed)


@_in('time-outs', 'clean wait', 'service wait', 'wait call-back')
def died_in_step(play: Play, state: str) -> None:
    """The machine goes off within a step: the time-out ends the wait."""
    wait = play.before(state)
    play.bend(agents.Bend(seconds=_SECONDS))
    play.ask(wait.operation)
    play.meet(lambda: play.agent.commands[-1]['command_status'] == 'RUNNING')
    play.park.agents.end(play.machine)
    play.until(wait.failed)


@_in('agents', *WAITS)
def aborted(play: Play, state: str) -> None:
    """Abort while the node waits."""
    wait = play.waits(state)
    if play.put(wait.abort) != 202:
        raise errors.LaboratoryError('the abort was not accepted')
    play.until(wait.aborted or wait.failed)


@_in('agents', *BENDS)
def bent_agent(play: Play, name: str) -> None:
    """An agent behaves in another way than it should."""
    bend, end = BENDS[name]
    play.go(lives.MANAGE)
    play.bend(bend)
    play.ask(lives.CLEAN)
    play.until(end)


@_in('agents', '')
def old_token(play: Play, _: str) -> None:
    """An agent with the token of another boot is refused, the node waits."""
    play.go(lives.MANAGE, lives.CLEAN)
    play.bend(agents.Bend(stale=True))
    play.ask(lives.CLEAN)
    tokens = play.park.agents.tokens[play.machine]
    play.meet(lambda: len(tokens) > 1 and play.codes[-1] >= 400)
    play.until('clean wait')
    play.agent.token = tokens[-1]
    play.until('manageable')


@_in('agents', '')
def heartbeats_without_a_pause(play: Play, _: str) -> None:
    """A whole life of heartbeats, each twice at once."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.05):
            agent = play.park.agents.agents.get(play.machine)
            if agent is not None and agent.token:
                agent.heartbeat()

    play.bend(agents.Bend(twice=True))
    threading.Thread(target=beat).start()
    try:
        play.go(*lives.SHORT)
    finally:
        ended.set()


@_in('killed', *WAITS)
def killed(play: Play, state: str) -> None:
    """The conductor dies while the node waits; another one goes on."""
    wait = play.waits(state)
    play.place.all_wait.wait(_SECONDS)
    heir = play.place.host(1)
    play.meet(lambda: play.session.get_node(play.machine).conductor == heir)
    play.wake()
    play.until(wait.operation.end)


_TIMEOUTS = {
    'check_provision_state_interval': 3,
    'inspect_wait_timeout': 15,
    'clean_callback_timeout': 15,
    'deploy_callback_timeout': 15,
    'rescue_callback_timeout': 15,
    'service_callback_timeout': 15,
}
OPTIONS: Mapping[str, tuple[int, configuration.Options]] = {
    'lives': (1, {}),
    'no-worker': (0, {}),
    'time-outs': (0, {'conductor': _TIMEOUTS}),
    'agents': (2, {}),
    'killed': (
        2,
        configuration.merged(
            cluster.TAKING_OVER, {'DEFAULT': {'rpc_response_timeout': 20}}
        ),
    ),
}
"""Place -> how many conductors, 0 for all in one, and their options."""


class Place(cluster.Cluster):
    """Conductors that take care of machines."""

    def __init__(
        self,
        name: str,
        park: machines.Machines,
        side: str,
        scenarios: Mapping[str, tuple[Scenario, str]],
    ) -> None:
        count, options = OPTIONS[name]
        more = configuration.merged(park.options(), options)
        super().__init__(count, more, side)
        self.name, self.park, self._scenarios = name, park, scenarios
        self.accepted: list[contract.Accepted] = []
        self.all_wait = threading.Barrier(len(park.uuids), self._replace)
        script = 'ironic-conductor' if count else _FORCED
        self._command = machines.command(script)

    def _start(self) -> None:
        super()._start()
        self.park.agents.endpoint = self.endpoint
        if self.name == 'killed':
            # This one is the heir.
            self.conductors[1].stop()

    def _replace(self) -> None:
        self.kill(0)
        self.revive(1)

    @property
    def home(self) -> pathlib.Path:
        """Where the service looks whether it has workers."""
        return self._ironics[0].directory

    def left(self) -> list[str]:
        """Name nodes that are locked, or in a state that none stays in."""
        query = 'SELECT uuid, provision_state, reservation FROM nodes'
        return [
            f'{node} in {state!r}, locked by {lock}'
            for node, state, lock in self.eye.query(query)
            if lock or state.endswith(('ing', 'wait', 'call-back'))
        ]

    def play(self) -> 'Outcome':
        """Run all scenarios at once."""
        plays = [Play(self, machine) for machine in self.park.uuids]
        with concurrent.futures.ThreadPoolExecutor(len(plays)) as executor:
            futures = {
                name: executor.submit(scenario, play, state)
                for play, (name, (scenario, state)) in zip(
                    plays, self._scenarios.items(), strict=True
                )
            }
        processes.wait_for(lambda: not self.left(), 60, 1.0)
        self.drained()
        broken = contract.violations(self.accepted, self.eye.read())
        said = {name: _said(future) for name, future in futures.items()}
        return Outcome(said, self.account(), broken, self.left())


def _said(future: concurrent.futures.Future[None]) -> str:
    """Say whether a scenario held, or why not."""
    error = future.exception()
    return _HELD if error is None else f'{type(error).__name__}: {error}'


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the scenarios of one place on one side."""

    said: Mapping[str, str]
    account: truth.Account
    broken: Sequence[str]
    left: Sequence[str]

    @property
    def held(self) -> bool:
        return (
            all(row.name == 'duplicate' for row in self.account.rows)
            and all(said == _HELD for said in self.said.values())
            and not (self.left or self.broken)
        )


@contextlib.contextmanager
def placed(name: str, side: str, only: str) -> Iterator[Place]:
    """Start a place for the scenarios whose names hold a text."""
    scenarios = {k: x for k, x in SCENARIOS[name].items() if only in k}
    with tempfile.TemporaryDirectory(prefix='hw-') as home:
        park = machines.Machines(pathlib.Path(home), len(scenarios))
        with park, Place(name, park, side, scenarios) as place:
            yield place
