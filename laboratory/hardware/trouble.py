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
import time
from typing import Any

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
_SECONDS = 300.0
_TIMEOUT = 15
_FOREVER = 1000.0
_MUTE = agents.Bend(mute=True)
_SILENT = agents.Bend(silent=True)
_ADOPT = lives.LIFE[-2]


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """A wait state: how a node gets there, and where it ends."""

    path: Sequence[lifecycle.Operation]
    operation: lifecycle.Operation
    failed: str
    abort: str = 'abort'
    aborted: str = ''


_MANAGED, _ACTIVE = (lives.MANAGE,), (lives.MANAGE, _ADOPT)
WAITS: Mapping[str, Wait] = {
    'clean wait': Wait(_MANAGED, lives.CLEAN, 'clean failed'),
    'inspect wait': Wait(_MANAGED, lives.INSPECT, 'inspect failed'),
    'wait call-back': Wait(
        (lives.MANAGE, lives.PROVIDE),
        lives.DEPLOY,
        'deploy failed',
        'deleted',
        'available',
    ),
    'rescue wait': Wait(_ACTIVE, lives.RESCUE, 'rescue failed'),
    'service wait': Wait(
        _ACTIVE, lives.SERVICE, 'service failed', aborted='active'
    ),
}


class Play:
    """One node in trouble, for one thread."""

    def __init__(self, place: 'Place', machine: str) -> None:
        self.place, self.park, self.machine = place, place.park, machine
        self.client = lives.Client(self.park, machine)
        self.node = self.client.create()
        # What is cleaned is cleaned because it is asked for.
        self.client.session.update_node(machine, automated_clean=False)

    @property
    def agent(self) -> agents.Agent:
        return self.park.agents.agents[self.machine]

    def bend(self, bend: agents.Bend) -> None:
        """Say how the agents of this node behave from the next boot on."""
        self.park.agents.bends[self.machine] = bend

    def lead(self, *path: lifecycle.Operation) -> None:
        for one in path:
            self.client.operate(self.node, one)

    def ask(self, operation: lifecycle.Operation) -> None:
        """Ask for something, and do not wait for its end."""
        self.client.prepare(self.node, operation)
        self.node.set_provision_state(
            self.client.session, operation.verb, **operation.arguments
        )

    def put(self, verb: str) -> int:
        """Ask for something; return the code of the answer."""
        path = f'/v1/nodes/{self.machine}/states/provision'
        return Api(self.place.endpoint).call('PUT', path, {'target': verb})[0]

    def until(self, state: str) -> None:
        """Wait until the node is in a state, and nobody works on it."""

        def there() -> bool:
            node = self.node.fetch(self.client.session)
            now = node.provision_state
            wrong = now.endswith(('failed', 'error')) and not node.reservation
            if wrong and now != state:
                raise errors.LaboratoryError(f'{now}: {node.last_error}')
            return bool(now == state and not node.reservation)

        if not processes.wait_for(there, _SECONDS, 0.3):
            raise errors.LaboratoryError(
                f'is in {self.node.provision_state}, not in {state}'
            )

    def waits(self, state: str, bend: agents.Bend) -> Wait:
        """Bring the node into a wait state; its agent is there."""
        wait = WAITS[state]
        self.lead(*wait.path)
        self.bend(bend)
        self.ask(wait.operation)
        self.until(state)
        self.meet(lambda: self.agent.token or 'inspect' in state)
        return wait

    def meet(self, condition: Callable[[], object]) -> None:
        def met() -> bool:
            with contextlib.suppress(KeyError):
                return bool(condition())
            return False

        if not processes.wait_for(met, _SECONDS):
            raise errors.LaboratoryError('what was waited for did not come')

    def wake(self) -> None:
        """Let the agent behave from now on, and in the boots to come."""
        self.bend(agents.Bend())
        self.agent.wake()

    @contextlib.contextmanager
    def without_worker(self, *functions: str) -> Iterator[None]:
        """Refuse workers for functions on this node, at least one."""
        home = self.place.home
        full = home / f'full-{self.machine}'
        full.write_text(' '.join(functions))
        refused = home / 'refused'
        try:
            yield
            self.meet(
                lambda: (
                    refused.exists() and self.machine in refused.read_text()
                )
            )
        finally:
            full.unlink()


# The scenarios


def no_worker_at_heartbeat(play: Play, state: str) -> None:
    """No worker for a heartbeat: the agent repeats it, the life goes on."""
    wait = play.waits(state, _MUTE)
    with play.without_worker('heartbeat', 'continue_inspection'):
        play.wake()
    play.until(wait.operation.end)


def no_worker_at_abort(play: Play, state: str) -> None:
    """No worker for an abort: it changes nothing, and can be repeated."""
    wait = play.waits(state, _MUTE)
    with play.without_worker('do_node_clean_abort', 'do_node_service_abort'):
        code = play.put(wait.abort)
    if code != 503:
        raise errors.LaboratoryError(f'the answer was {code}')
    play.until(state)
    play.wake()
    play.until(wait.operation.end)


def no_worker_at_notification(play: Play, state: str) -> None:
    """No worker when an out-of-band step says its end, which it does once."""
    wait = WAITS[state]
    operation = lives.FIRMWARE
    if state == 'service wait':
        operation = lives.service('', lives.FIRMWARE_STEP)
    play.lead(*wait.path)
    with play.without_worker('continue_node_clean', 'continue_node_service'):
        play.ask(operation)
    play.until(operation.end)


def timed_out(play: Play, state: str) -> None:
    """The agent is silent until the time-out, and comes back after it."""
    wait = play.waits(state, _SILENT)
    agent = play.agent
    play.until(wait.failed)
    agent.wake()
    play.meet(
        lambda: (
            play.park.agents.count(play.machine, 'heartbeat')
            or play.park.agents.count(play.machine, 'inspection')
        )
    )
    play.until(wait.failed)


def died_in_step(play: Play, state: str) -> None:
    """The machine goes off within a step: the time-out ends the wait."""
    wait = WAITS[state]
    play.lead(*wait.path)
    play.bend(agents.Bend(seconds=_FOREVER))
    play.ask(wait.operation)
    play.meet(lambda: play.agent.commands[-1]['command_status'] == 'RUNNING')
    play.park.agents.end(play.machine)
    play.until(wait.failed)


def aborted(play: Play, state: str) -> None:
    """Abort while the node waits."""
    wait = play.waits(state, _SILENT)
    if play.put(wait.abort) != 202:
        raise errors.LaboratoryError('the abort was not accepted')
    play.until(wait.aborted or wait.failed)


def killed(play: Play, state: str) -> None:
    """The conductor dies while the node waits; another one goes on."""
    wait = play.waits(state, _MUTE)
    play.place.taken_over(play)
    play.wake()
    play.until(wait.operation.end)


def bent(
    play: Play, *, bend: agents.Bend, path: Any = (lives.CLEAN,), end: str = ''
) -> None:
    """An agent behaves in another way than it should."""
    play.lead(lives.MANAGE)
    play.bend(bend)
    *before, last = path
    play.lead(*before)
    play.ask(last)
    play.until(end or last.end)


def old_token(play: Play) -> None:
    """An agent with the token of another boot is refused, the node waits."""
    play.lead(lives.MANAGE, lives.CLEAN)
    play.bend(agents.Bend(stale=True))
    play.ask(lives.CLEAN)
    play.until('clean wait')
    answers = play.park.agents.codes
    play.meet(lambda: 400 in answers(play.machine, 'heartbeat'))
    play.until('clean wait')
    play.bend(agents.Bend())
    play.agent.token = play.park.agents.tokens[play.machine][-1]
    play.until('manageable')


def storm(play: Play) -> None:
    """Heartbeats without a pause, from two threads, for a whole life."""
    ended = False

    def beat() -> None:
        while not ended:
            agent = play.park.agents.agents.get(play.machine)
            if agent is not None and agent.token:
                agent.heartbeat()
            time.sleep(0.05)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        storms = [pool.submit(beat) for _ in range(2)]
        try:
            play.lead(*lives.SHORT)
        finally:
            ended = True
        for each in storms:
            each.result()


Scenario = Callable[[Play], None]


def _each(
    name: str, scenario: Callable[[Play, str], None], *states: str
) -> dict[str, Scenario]:
    return {
        f'{name}, {state}': lambda play, state=state: scenario(play, state)
        for state in states or WAITS
    }


_SLOW = frozenset(['execute_clean_step'])
NO_WORKER: Mapping[str, Scenario] = {
    **_each('no worker at a heartbeat', no_worker_at_heartbeat),
    **_each(
        'no worker at an abort',
        no_worker_at_abort,
        *('clean wait', 'service wait'),
    ),
    **_each(
        'no worker at an out-of-band notification',
        no_worker_at_notification,
        *('clean wait', 'service wait'),
    ),
}
TIMED_OUT: Mapping[str, Scenario] = {
    **_each('timed out, came back', timed_out),
    **_each(
        'died within a step',
        died_in_step,
        *('clean wait', 'service wait', 'wait call-back'),
    ),
}
AGENTS: Mapping[str, Scenario] = {
    **_each('aborted', aborted),
    'slow': functools.partial(bent, bend=agents.Bend(seconds=8)),
    'twice at once': functools.partial(
        bent, bend=agents.Bend(twice=True), path=lives.SHORT[1:]
    ),
    'old token': old_token,
    'lost answer of a step': functools.partial(
        bent, bend=agents.Bend(seconds=3, lose=_SLOW)
    ),
    'lost answer to a question': functools.partial(
        bent, bend=agents.Bend(lose=frozenset(['get_clean_steps']))
    ),
    'failed step': functools.partial(
        bent, bend=agents.Bend(fail=_SLOW), end='clean failed'
    ),
    'died when asked': functools.partial(
        bent, bend=agents.Bend(die=_SLOW), end='clean failed'
    ),
    'heartbeats without a pause': storm,
}
KILLED = _each('conductor killed', killed)

# The places

_CHECKS = {'check_provision_state_interval': 3}
_TAKING_OVER: configuration.Options = {
    # As in laboratory.chaos: who is killed must be known by one name.
    'DEFAULT': {
        'hash_ring_reset_interval': 3,
        'rpc_transport': 'oslo',
        'rpc_response_timeout': 20,
    },
    'conductor': {'heartbeat_interval': 2, 'heartbeat_timeout': 8, **_CHECKS},
}
_SHORT: configuration.Options = {
    'conductor': {
        **_CHECKS,
        'deploy_callback_timeout': _TIMEOUT,
        'clean_callback_timeout': _TIMEOUT,
        'inspect_wait_timeout': _TIMEOUT,
        'rescue_callback_timeout': _TIMEOUT,
        'service_callback_timeout': _TIMEOUT,
    }
}


class Place(cluster.Cluster):
    """Conductors that take care of machines."""

    def __init__(
        self,
        park: machines.Machines,
        conductors: int,
        options: configuration.Options,
        side: str,
    ) -> None:
        more = configuration.merged(park.options(), options)
        super().__init__(conductors, more, side)
        self.park = park
        name = 'ironic-conductor' if conductors else _FORCED
        self._command = machines.command(name)

    def _start(self) -> None:
        super()._start()
        self.park.agents.endpoint = self.endpoint

    @property
    def home(self) -> pathlib.Path:
        """Where the service looks whether it has workers."""
        return self._ironics[0].directory

    def taken_over(self, play: Play) -> None:
        """Wait until another conductor has taken a node over."""
        old = self.host(0)

        def moved() -> bool:
            node = play.client.session.get_node(play.machine)
            return bool(node.conductor and node.conductor != old)

        play.meet(moved)

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


def run(
    scenarios: Mapping[str, Scenario],
    conductors: int,
    options: configuration.Options,
    side: str,
    only: str,
    kill: bool = False,
) -> Outcome:
    """Run the scenarios of a place whose names hold a text, all at once."""
    scenarios = {k: one for k, one in scenarios.items() if only in k}
    if not scenarios:
        raise errors.LaboratoryError(f'no scenario has {only!r} in its name')
    count = len(scenarios) * (6 if kill else 1)
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix='hw-'))
        park = machines.Machines(pathlib.Path(name), count)
        stack.enter_context(park)
        place = stack.enter_context(Place(park, conductors, options, side))
        said = _play(place, scenarios, kill)
        processes.wait_for(lambda: not place.left(), 60, 1.0)
        place.drained()
        return Outcome(said, place.account(), place.left())


def _play(
    place: Place, scenarios: Mapping[str, Scenario], kill: bool
) -> dict[str, str]:
    plays = (Play(place, machine) for machine in place.park.uuids)
    if kill:
        # Those of the conductor that will die; the others stay enrolled.
        plays = (
            play
            for play in plays
            if play.client.session.get_node(play.machine).conductor
            == place.host(0)
        )
    futures = {}
    with concurrent.futures.ThreadPoolExecutor(len(scenarios)) as executor:
        for name, scenario in scenarios.items():
            futures[name] = executor.submit(scenario, next(plays))
        if kill:
            _kill_when_all_wait(place, len(scenarios))
    return {name: _said(future) for name, future in futures.items()}


def _kill_when_all_wait(place: Place, count: int) -> None:
    names = ', '.join(f"'{state}'" for state in WAITS)
    query = (
        f'SELECT id FROM nodes WHERE provision_state IN ({names}) '
        'AND reservation IS NULL'
    )
    processes.wait_for(
        lambda: len(place.eye.query(query)) == count, _SECONDS, 0.5
    )
    place.kill(0)


def _said(future: concurrent.futures.Future[None]) -> str:
    """Say in words why a scenario did not hold; empty if it did."""
    error = future.exception()
    return '' if error is None else f'{type(error).__name__}: {error}'


PLACES: Mapping[str, Callable[[str, str], Outcome]] = {
    'no-worker': functools.partial(run, NO_WORKER, 0, {}),
    'time-outs': functools.partial(run, TIMED_OUT, 0, _SHORT),
    'agents': functools.partial(run, AGENTS, 2, {}),
    'killed': functools.partial(run, KILLED, 2, _TAKING_OVER, kill=True),
}
"""Place -> runs its scenarios on a side: stock, plugin or outbox."""
