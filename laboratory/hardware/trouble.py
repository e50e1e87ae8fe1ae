# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between a conductor and its agents, and what must hold.

Each scenario has a node of its own; all of one place run at once.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import contextlib
import dataclasses
import functools
import pathlib
import tempfile
import threading

from laboratory import cluster
from laboratory import configuration
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
_TIMEOUT = 15
_MUTE = agents.Bend(mute=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """A wait state: how a node gets there, and where it may end.

    :param worker: the function that an abort needs a worker for.
    """

    path: Sequence[lifecycle.Operation]
    operation: lifecycle.Operation
    failed: str
    abort: str = 'abort'
    aborted: str = ''
    worker: str = ''


_MANAGED, _ACTIVE = (lives.MANAGE,), (lives.MANAGE, lives.ADOPT)
WAITS: Mapping[str, Wait] = {
    'clean wait': Wait(
        _MANAGED, lives.CLEAN, 'clean failed', worker='do_node_clean_abort'
    ),
    'inspect wait': Wait(_MANAGED, lives.INSPECT, 'inspect failed'),
    'wait call-back': Wait(
        (lives.MANAGE, lives.PROVIDE),
        lives.DEPLOY,
        'deploy failed',
        'deleted',
        'available',
        '_do_node_tear_down',
    ),
    'rescue wait': Wait(
        _ACTIVE, lives.RESCUE, 'rescue failed', worker='_do_node_rescue_abort'
    ),
    'service wait': Wait(
        _ACTIVE,
        lives.SERVICE,
        'service failed',
        aborted='active',
        worker='do_node_service_abort',
    ),
}


class Play(lives.Client):
    """One node in trouble, for one thread."""

    def __init__(self, place: 'Place', machine: str) -> None:
        super().__init__(place.park, machine)
        self.place = place
        self.node = self.create()
        # What is cleaned is cleaned because it is asked for.
        self.session.update_node(machine, automated_clean=False)

    @property
    def agent(self) -> agents.Agent:
        return self.park.agents.agents[self.machine]

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

    def waits(self, state: str) -> Wait:
        """Bring the node into a wait state; its agent is there, and mute."""
        wait = WAITS[state]
        self.go(*wait.path)
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


def no_worker_at_heartbeat(play: Play, state: str) -> None:
    """No worker for a heartbeat: the agent repeats it, the life goes on."""
    wait = play.waits(state)
    with play.without_worker('heartbeat', 'continue_inspection'):
        play.wake()
    play.until(wait.operation.end)


def no_worker_at_abort(play: Play, state: str) -> None:
    """No worker for an abort: it changes nothing, the life goes on."""
    wait = play.waits(state)
    with play.without_worker(wait.worker):
        code = play.put(wait.abort)
    if code != 503:
        raise errors.LaboratoryError(f'the answer was {code}')
    play.until(state)
    play.wake()
    play.until(wait.operation.end)


def no_worker_at_resume(play: Play, state: str) -> None:
    """No worker when an out-of-band step says its end, which it does once."""
    operation = lives.CLEAN_FIRMWARE
    if state == 'service wait':
        operation = lives.SERVICE_FIRMWARE
    play.go(*WAITS[state].path)
    with play.without_worker('continue_node_clean', 'continue_node_service'):
        play.ask(operation)
    play.until(operation.end)


def timed_out(play: Play, state: str) -> None:
    """The agent is silent until the time-out, and comes back after it."""
    wait = play.waits(state)
    agent = play.agent
    play.until(wait.failed)
    agent.alive = True
    agent.wake()
    play.meet(lambda: len(play.park.agents.codes[play.machine]) > 1)
    play.until(wait.failed)


def died_in_step(play: Play, state: str) -> None:
    """The machine goes off within a step: the time-out ends the wait."""
    wait = WAITS[state]
    play.go(*wait.path)
    play.bend(agents.Bend(seconds=_SECONDS))
    play.ask(wait.operation)
    play.meet(lambda: play.agent.commands[-1]['command_status'] == 'RUNNING')
    play.park.agents.end(play.machine)
    play.until(wait.failed)


def aborted(play: Play, state: str) -> None:
    """Abort while the node waits."""
    wait = play.waits(state)
    if play.put(wait.abort) != 202:
        raise errors.LaboratoryError('the abort was not accepted')
    play.until(wait.aborted or wait.failed)


def killed(play: Play, state: str) -> None:
    """The conductor dies while the node waits; another one goes on."""
    wait = play.waits(state)
    play.place.all_wait.wait(_SECONDS)
    heir = play.place.host(1)
    play.meet(lambda: play.session.get_node(play.machine).conductor == heir)
    play.wake()
    play.until(wait.operation.end)


def bent(
    play: Play,
    bend: agents.Bend,
    path: Sequence[lifecycle.Operation] = (lives.CLEAN,),
    end: str = '',
) -> None:
    """An agent behaves in another way than it should."""
    play.go(lives.MANAGE)
    play.bend(bend)
    *before, last = path
    play.go(*before)
    play.ask(last)
    play.until(end or last.end)


def old_token(play: Play) -> None:
    """An agent with the token of another boot is refused, the node waits."""
    play.go(lives.MANAGE, lives.CLEAN)
    play.bend(agents.Bend(stale=True))
    play.ask(lives.CLEAN)
    tokens = play.park.agents.tokens[play.machine]
    codes = play.park.agents.codes[play.machine]
    play.meet(lambda: len(tokens) > 1 and codes[-1] >= 400)
    play.until('clean wait')
    play.agent.token = tokens[-1]
    play.until('manageable')


def storm(play: Play) -> None:
    """Heartbeats without a pause, from two threads, for a whole life."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.05):
            agent = play.park.agents.agents.get(play.machine)
            if agent is not None and agent.token:
                agent.heartbeat()

    threads = [threading.Thread(target=beat) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        play.go(*lives.SHORT)
    finally:
        ended.set()


Scenario = Callable[[Play], None]


def _each(
    name: str, scenario: Callable[[Play, str], None], *states: str
) -> dict[str, Scenario]:
    return {
        f'{name}, {state}': functools.partial(scenario, state=state)
        for state in states or WAITS
    }


def _bent(
    bend: agents.Bend, *path: lifecycle.Operation, end: str = ''
) -> Scenario:
    path = path or (lives.CLEAN,)
    return functools.partial(bent, bend=bend, path=path, end=end)


_STEP = 'execute_clean_step'
_CHECKS = {'check_provision_state_interval': 3}
_SHORT = (
    'deploy_callback_timeout clean_callback_timeout inspect_wait_timeout '
    'rescue_callback_timeout service_callback_timeout'
)


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """Scenarios that run at once, and what they run on.

    :param conductors: how many; 0 for all in one.
    :param heir: the last conductor starts when the first one is killed.
    """

    scenarios: Mapping[str, Scenario]
    conductors: int = 0
    options: configuration.Options = dataclasses.field(default_factory=dict)
    heir: bool = False


SETTINGS: Mapping[str, Setting] = {
    'no-worker': Setting(
        _each('no worker at a heartbeat', no_worker_at_heartbeat)
        | _each(
            'no worker at an abort',
            no_worker_at_abort,
            *(state for state, wait in WAITS.items() if wait.worker),
        )
        | _each(
            'no worker at a resume',
            no_worker_at_resume,
            *('clean wait', 'service wait'),
        ),
    ),
    'time-outs': Setting(
        _each('timed out, came back', timed_out)
        | _each(
            'died within a step',
            died_in_step,
            *('clean wait', 'service wait', 'wait call-back'),
        ),
        options={
            'conductor': _CHECKS | dict.fromkeys(_SHORT.split(), _TIMEOUT)
        },
    ),
    'agents': Setting(
        _each('aborted', aborted)
        | {
            'slow': _bent(agents.Bend(seconds=8)),
            'twice at once': _bent(agents.Bend(twice=True), *lives.SHORT[1:]),
            'old token': old_token,
            'lost answer of a step': _bent(agents.Bend(seconds=3, lose=_STEP)),
            'lost answer to a question': _bent(
                agents.Bend(lose='get_clean_steps')
            ),
            'failed step': _bent(agents.Bend(fail=_STEP), end='clean failed'),
            'died when asked': _bent(
                agents.Bend(die=_STEP), end='clean failed'
            ),
            'heartbeats without a pause': storm,
        },
        conductors=2,
    ),
    'killed': Setting(
        _each('conductor killed', killed),
        conductors=2,
        options={
            # As in laboratory.chaos: who is killed must be known by one name.
            'DEFAULT': {
                'hash_ring_reset_interval': 3,
                'rpc_transport': 'oslo',
                'rpc_response_timeout': 20,
            },
            'conductor': {
                'heartbeat_interval': 2,
                'heartbeat_timeout': 8,
                **_CHECKS,
            },
        },
        heir=True,
    ),
}


class Place(cluster.Cluster):
    """Conductors that take care of machines."""

    def __init__(
        self, park: machines.Machines, setting: Setting, side: str
    ) -> None:
        more = configuration.merged(park.options(), setting.options)
        super().__init__(setting.conductors, more, side)
        self.park, self._setting = park, setting
        count = len(setting.scenarios) or 1
        self.all_wait = threading.Barrier(count, self._replace)
        name = 'ironic-conductor' if setting.conductors else _FORCED
        self._command = machines.command(name)

    def _start(self) -> None:
        super()._start()
        self.park.agents.endpoint = self.endpoint
        if self._setting.heir:
            self.conductors[-1].stop()

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


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the scenarios of one place on one side."""

    said: Mapping[str, str]
    account: truth.Account
    left: Sequence[str]

    @property
    def held(self) -> bool:
        fine = all(row.name == 'duplicate' for row in self.account.rows)
        return fine and not self.left and not any(self.said.values())


@contextlib.contextmanager
def placed(count: int, setting: Setting, side: str) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix='hw-') as name:
        park = machines.Machines(pathlib.Path(name), count)
        with park, Place(park, setting, side) as place:
            yield place


def run(setting: Setting, side: str, only: str) -> Outcome:
    """Run the scenarios whose names hold a text, all at once."""
    scenarios = {k: x for k, x in setting.scenarios.items() if only in k}
    setting = dataclasses.replace(setting, scenarios=scenarios)
    with placed(len(scenarios), setting, side) as place:
        plays = [Play(place, machine) for machine in place.park.uuids]
        with concurrent.futures.ThreadPoolExecutor(len(plays)) as executor:
            futures = dict(
                zip(
                    scenarios,
                    map(executor.submit, scenarios.values(), plays),
                    strict=True,
                )
            )
        processes.wait_for(lambda: not place.left(), 60, 1.0)
        place.drained()
        said = {name: _said(future) for name, future in futures.items()}
        return Outcome(said, place.account(), place.left())


def _said(future: concurrent.futures.Future[None]) -> str:
    """Say in words why a scenario did not hold; empty if it did."""
    error = future.exception()
    return '' if error is None else f'{type(error).__name__}: {error}'
