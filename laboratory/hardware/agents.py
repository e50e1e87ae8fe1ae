# SPDX-License-Identifier: Apache-2.0
"""The agents of many nodes, in one process, behind one port.

Each answers as ironic-python-agent does: it looks its node up, gets a token,
sends heartbeats, carries out one command at a time, and says at once when a
step has ended. A :class:`Bend` says what an agent does otherwise.
"""

from collections.abc import Callable
from collections.abc import Mapping
import concurrent.futures
import contextlib
import dataclasses
import heapq
from http import server
import itertools
import json
import threading
import time
from typing import Any
from typing import Self
import urllib.parse

from laboratory.api import Api

_VERSION = '11.4.0'
_MANAGER = 'LaboratoryHardwareManager'
# The newest version of the API that all releases know, and agents use.
_API_VERSION = '1.84'
_RETRY, _LONGEST_RETRY = 0.5, 8.0
# Of methods that have ended before they are answered.
_SYNCHRONOUS = ('get_', 'sync', 'finalize_rescue', 'lockdown', 'collect_')
_OFF = {'power_off': 'ForceOff', 'run_image': 'ForceRestart'}


def _step(name: str, priority: int = 0) -> dict[str, Any]:
    return {
        'step': name,
        'interface': 'deploy',
        'priority': priority,
        'reboot_requested': False,
        'abortable': True,
    }


STEPS: Mapping[str, list[dict[str, Any]]] = {
    'clean': [_step('erase_devices_metadata', 10), _step('burnin_cpu')],
    'deploy': [_step('burnin_cpu')],
    'service': [_step('burnin_cpu')],
}
"""The steps of an agent: kind -> what it answers when it is asked for them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bend:
    """What an agent does in another way than it should; a value.

    :param seconds: how long a step takes.
    :param silent: looks its node up, and is never heard of again.
    :param twice: sends each heartbeat twice at once.
    :param stale: sends the token of the boot before.
    :param lose: methods that are carried out, each once without an answer.
    :param fail: methods that end with an error.
    :param die: methods on which the whole agent dies, without an answer.
    :param mute: gets its token, and waits until it is woken.
    """

    seconds: float = 0.1
    silent: bool = False
    twice: bool = False
    stale: bool = False
    lose: frozenset[str] = frozenset()
    fail: frozenset[str] = frozenset()
    die: frozenset[str] = frozenset()
    mute: bool = False


class Agent:
    """One ramdisk from its boot to its end; the methods run in the pool."""

    def __init__(self, fleet: 'Agents', uuid: str, bend: Bend) -> None:
        self._fleet = fleet
        self.uuid = uuid
        self.bend = bend
        self.alive = True
        self.token = ''
        self.first: Callable[[], None] = self.look_up
        self.commands: list[dict[str, Any]] = []
        self._lost = set(bend.lose)
        self._lock = threading.Lock()
        self._retry = _RETRY

    @property
    def url(self) -> str:
        return f'{self._fleet.url}/{self.uuid}'

    # What it does by itself

    def start(self) -> None:
        """Do the first thing after the boot."""
        if self.alive:
            self.first()

    def wake(self) -> None:
        """Be mute or silent no longer."""
        self.bend = dataclasses.replace(self.bend, silent=False, mute=False)
        self.beat() if self.token else self.first()

    def look_up(self) -> None:
        """Get the token, and send the first heartbeat."""
        path = f'/v1/lookup?node_uuid={self.uuid}'
        code, found = self._fleet.api().call('GET', path)
        self._fleet.note(self.uuid, 'lookup', code)
        if code != 200:
            self._again(self.look_up)
            return
        tokens = self._fleet.tokens.setdefault(self.uuid, [])
        tokens.append(found['config']['agent_token'])
        self.token = tokens[-2 if self.bend.stale else -1]
        self.beat()

    def beat(self) -> None:
        """Send a heartbeat, and the next one after a while."""
        if not self.alive or self.bend.silent or self.bend.mute:
            return
        if self.bend.twice:
            self._fleet.soon(self.heartbeat)
        if self.heartbeat() == 202:
            self._retry = _RETRY
            self._fleet.later(self._fleet.seconds, self.beat)
        else:
            self._again(self.beat)

    def heartbeat(self) -> int:
        """Send one heartbeat; return the code of the answer."""
        body = {
            'callback_url': self.url,
            'agent_version': _VERSION,
            'agent_token': self.token,
        }
        path = f'/v1/heartbeat/{self.uuid}'
        code, _ = self._fleet.api().call('POST', path, body)
        self._fleet.note(self.uuid, 'heartbeat', code)
        return code

    def inspect(self, callback: str, inventory: Mapping[str, Any]) -> None:
        """Send what inspection has found, until it is accepted."""
        if self.bend.silent or self.bend.mute:
            return
        path = urllib.parse.urlsplit(callback).path
        body = {'inventory': inventory}
        code, _ = self._fleet.api().call('POST', path, body)
        self._fleet.note(self.uuid, 'inspection', code)
        if not 200 <= code < 300:
            self._again(lambda: self.inspect(callback, inventory))

    def _again(self, what: Callable[[], None]) -> None:
        if self.alive:
            self._fleet.later(self._retry, what)
            self._retry = min(2 * self._retry, _LONGEST_RETRY)

    # What it is asked for

    def ask(
        self, name: str, params: Mapping[str, Any]
    ) -> tuple[int, dict[str, Any]] | None:
        """Begin or carry out a command; None if there is no answer."""
        method = name.rpartition('.')[2]
        self._fleet.note(self.uuid, method, 0)
        if method in self.bend.die:
            self.alive = False
            return None
        with self._lock:
            last = self.commands[-1:]
            if last and last[0]['command_status'] == 'RUNNING':
                busy = f'Agent is busy. {last[0]["command_name"]} runs'
                return 409, {'faultstring': busy}
            command = {
                'id': f'{len(self.commands)}',
                'command_name': method,
                'command_params': None,
                'command_status': 'RUNNING',
                'command_error': None,
                'command_result': None,
            }
            self.commands.append(command)
        end = _end(method, params, method in self.bend.fail)
        if method.startswith(_SYNCHRONOUS):
            command.update(end)
        else:
            seconds = self.bend.seconds if 'step' in method else 0.0
            self._fleet.later(seconds, lambda: self._ended(command, end))
        if method in self._lost:
            self._lost.remove(method)
            return None
        if method == 'finalize_rescue':
            # The rescue system needs no agent.
            self.alive = False
        return 200, command

    def _ended(self, command: dict[str, Any], end: Mapping[str, Any]) -> None:
        command.update(end)
        what = _OFF.get(command['command_name'])
        if what and self.alive:
            self._fleet.power(self.uuid, what)
        elif 'step' in command['command_name']:
            self._fleet.soon(self.heartbeat)


def _end(
    method: str, params: Mapping[str, Any], fails: bool
) -> dict[str, Any]:
    """Tell what a command comes to."""
    if fails:
        error = {'type': 'CommandExecutionError', 'code': 500}
        error |= {'message': 'failed', 'details': 'as it was told to'}
        return {'command_status': 'FAILED', 'command_error': error}
    result: Any = None
    verb, _, rest = method.partition('_')
    kind = rest.partition('_')[0]
    if kind in STEPS and verb == 'get':
        result = {
            f'{kind}_steps': {_MANAGER: [*STEPS[kind]]},
            'hardware_manager_version': {_MANAGER: '1'},
        }
    elif kind in STEPS:
        result = {f'{kind}_result': None, f'{kind}_step': params['step']}
    elif method == 'get_partition_uuids':
        result = {}
    elif method == 'collect_system_logs':
        result = {'system_logs': ''}
    return {'command_status': 'SUCCEEDED', 'command_result': result}


class _Handler(server.BaseHTTPRequestHandler):
    """Requests of the conductor to agents, and what machines report."""

    server: 'Agents'

    def do_GET(self) -> None:
        agent = self._agent()
        if agent is not None:
            self._answer(200, {'commands': agent.commands})

    def do_POST(self) -> None:
        agent, body = self._agent(), self._body()
        if agent is None:
            return
        asked = agent.ask(body['name'], body['params'])
        if asked is None:
            self.close_connection = True
        else:
            self._answer(*asked)

    def do_HEAD(self) -> None:
        """Tell that there is an image; nobody fetches it."""
        self.send_response(200)
        self.send_header('Content-Length', '1024')
        self.end_headers()

    def do_PUT(self) -> None:
        self.server.report(self._body())
        self._answer(200, {})

    def _agent(self) -> Agent | None:
        """Find who is meant; who is not there does not answer."""
        url = urllib.parse.urlsplit(self.path)
        agent = self.server.agents.get(url.path.split('/')[1])
        if agent is None or not agent.alive:
            self.close_connection = True
            return None
        token = urllib.parse.parse_qs(url.query).get('agent_token')
        if token != [agent.token]:
            self._answer(401, {'faultstring': 'Token invalid.'})
            return None
        return agent

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers['Content-Length'])))

    def _answer(self, code: int, body: Mapping[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Agents(server.ThreadingHTTPServer):
    """All agents; a context manager.

    :param endpoint: where the API of Ironic is.
    :param seconds: between two heartbeats of one agent.
    :param power: has a machine go off, or restart, on behalf of its agent.
    """

    request_queue_size = 256
    daemon_threads = True

    def __init__(
        self,
        endpoint: str,
        seconds: float = 2.0,
        power: Callable[[str, str], None] = lambda uuid, what: None,
        threads: int = 8,
    ) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.endpoint = endpoint
        self.seconds = seconds
        self.power = power
        self.report: Callable[[dict[str, Any]], None] = lambda system: None
        self.agents: dict[str, Agent] = {}
        #: UUID -> how its agents behave, from the next boot on.
        self.bends: dict[str, Bend] = {}
        self.tokens: dict[str, list[str]] = {}
        self.noted: list[tuple[float, str, str, int]] = []
        """When, which node, what it did or was asked for, and the code."""
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self._local = threading.local()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ending = False

    def __enter__(self) -> Self:
        for loop in (self.serve_forever, self._run):
            threading.Thread(target=loop, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        for uuid in list(self.agents):
            self.end(uuid)
        self.shutdown()
        self.server_close()
        self._pool.shutdown()

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_port}'

    def api(self) -> Api:
        """Return the connection of this thread."""
        if not hasattr(self._local, 'api'):
            self._local.api = Api(self.endpoint, _API_VERSION)
        own: Api = self._local.api
        return own

    def boot(self, uuid: str) -> Agent:
        """Start the agent of a node, which does nothing yet."""
        self.end(uuid)
        agent = Agent(self, uuid, self.bends.get(uuid, Bend()))
        self.agents[uuid] = agent
        return agent

    def end(self, uuid: str) -> None:
        if uuid in self.agents:
            self.agents.pop(uuid).alive = False

    def note(self, uuid: str, what: str, code: int) -> None:
        self.noted.append((time.time(), uuid, what, code))

    def codes(self, uuid: str, what: str) -> list[int]:
        """Tell how the API has answered the agents of a node."""
        return [x[3] for x in [*self.noted] if x[1:3] == (uuid, what)]

    def soon(self, what: Callable[[], object]) -> None:
        # Nobody asks any more who is to do it.
        with contextlib.suppress(RuntimeError):
            self._pool.submit(what)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        due = time.monotonic() + seconds
        with self._changed:
            heapq.heappush(self._due, (due, next(self._numbers), what))
            self._changed.notify_all()

    def _run(self) -> None:
        """Hand out what is due; the thread of all agents runs this."""
        while True:
            with self._changed:
                if self._ending:
                    return
                if not self._due:
                    self._changed.wait()
                    continue
                wait = self._due[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, what = heapq.heappop(self._due)
            self.soon(what)
