# SPDX-License-Identifier: Apache-2.0
"""The agents of some nodes, in one process, behind one port.

Each answers as ironic-python-agent does: it looks its node up, gets a token,
sends heartbeats, carries out one command at a time, and says at once when a
step has ended. A :class:`Bend` says what an agent does otherwise.
"""

import collections
from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
from http import server
import json
import threading
from typing import Any
from typing import Self
import urllib.parse

from laboratory.api import Api

_MANAGER = 'LaboratoryHardwareManager'
# The newest version of the API that all releases know, and agents use.
_API_VERSION = '1.84'
_RETRY, _LONGEST_RETRY = 0.5, 8.0
# Of methods that have ended before they are answered.
_SYNCHRONOUS = ('get_', 'sync', 'finalize_rescue', 'lockdown', 'collect_')
_OFF = {'power_off': 'ForceOff', 'run_image': 'ForceRestart'}
# What an agent is asked for and knows: kind of steps, names and priorities.
_STEPS = {
    'clean': {'erase_devices_metadata': 10, 'burnin_cpu': 0},
    'deploy': {'inject_files': 70, 'burnin_cpu': 0},
    'service': {'burnin_cpu': 0},
}


@dataclasses.dataclass(frozen=True, slots=True)
class Bend:
    """What an agent does in another way than it should; a value.

    :param seconds: how long a step takes.
    :param twice: sends each heartbeat twice at once.
    :param stale: sends the token of the boot before.
    :param mute: looks its node up, and is not heard of until it is woken.
    :param lose: a method that is carried out, once without an answer.
    :param fail: a method that ends with an error.
    :param die: a method on which the whole agent dies, without an answer.
    """

    seconds: float = 0.1
    twice: bool = False
    stale: bool = False
    mute: bool = False
    lose: str = ''
    fail: str = ''
    die: str = ''


class Agent:
    """One ramdisk from its boot to its end."""

    def __init__(self, fleet: 'Agents', uuid: str, bend: Bend) -> None:
        self._fleet = fleet
        self.uuid = uuid
        self.bend = bend
        self.alive = True
        self.token = ''
        self.first: Callable[[], None] = self.look_up
        self.commands: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._retry = _RETRY

    # What it does by itself

    def start(self) -> None:
        """Do the first thing after the boot."""
        if self.alive:
            self.first()

    def wake(self) -> None:
        """Be mute no longer."""
        self.bend = dataclasses.replace(self.bend, mute=False)
        self.beat() if self.token else self.first()

    def look_up(self) -> None:
        """Get the token, and send the first heartbeat."""
        code, found = self._call('GET', f'lookup?node_uuid={self.uuid}')
        if code != 200:
            self._again(self.look_up)
            return
        tokens = self._fleet.tokens[self.uuid]
        tokens.append(found['config']['agent_token'])
        self.token = tokens[-2 if self.bend.stale else -1]
        self.beat()

    def beat(self) -> None:
        """Send a heartbeat, and the next one after a while."""
        if not self.alive or self.bend.mute:
            return
        if self.bend.twice:
            self._fleet.later(0, self.heartbeat)
        if self.heartbeat() == 202:
            self._retry = _RETRY
            self._fleet.later(self._fleet.seconds, self.beat)
        else:
            self._again(self.beat)

    def heartbeat(self) -> int:
        """Send one heartbeat; return the code of the answer."""
        body = {
            'callback_url': f'{self._fleet.url}/{self.uuid}',
            'agent_version': '11.4.0',
            'agent_token': self.token,
        }
        code, _ = self._call('POST', f'heartbeat/{self.uuid}', body)
        self._fleet.codes[self.uuid].append(code)
        return code

    def inspect(self, inventory: Mapping[str, Any]) -> None:
        """Send what inspection has found, until it is accepted."""
        if self.bend.mute:
            return
        body = {'inventory': inventory}
        code, _ = self._call('POST', 'continue_inspection', body)
        self._fleet.codes[self.uuid].append(code)
        if not 200 <= code < 300:
            self._again(lambda: self.inspect(inventory))

    def _call(
        self, method: str, path: str, body: object = None
    ) -> tuple[int, Any]:
        api = Api(self._fleet.endpoint, _API_VERSION)
        return api.call(method, f'/v1/{path}', body)

    def _again(self, what: Callable[[], None]) -> None:
        if self.alive:
            self._fleet.later(self._retry, what)
            self._retry = min(2 * self._retry, _LONGEST_RETRY)

    # What it is asked for

    def ask(
        self, method: str, params: Mapping[str, Any]
    ) -> tuple[int, dict[str, Any]] | None:
        """Begin or carry out a command; None if there is no answer."""
        if method == self.bend.die:
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
        end = _end(method, params, method == self.bend.fail)
        if method.startswith(_SYNCHRONOUS):
            command.update(end)
        else:
            seconds = self.bend.seconds if 'step' in method else 0.0
            self._fleet.later(seconds, lambda: self._ended(command, end))
        if method == self.bend.lose:
            self.bend = dataclasses.replace(self.bend, lose='')
            return None
        if method == 'finalize_rescue':
            # A rescue system needs no agent.
            self.alive = False
        return 200, command

    def _ended(self, command: dict[str, Any], end: Mapping[str, Any]) -> None:
        command.update(end)
        what = _OFF.get(command['command_name'])
        if what and self.alive:
            self._fleet.power(self.uuid, what)
        elif 'step' in command['command_name']:
            self.heartbeat()


def _end(
    method: str, params: Mapping[str, Any], fails: bool
) -> dict[str, Any]:
    """Tell what a command comes to."""
    if fails:
        error = {'type': 'CommandExecutionError', 'message': 'as it should'}
        return {'command_status': 'FAILED', 'command_error': error}
    result: Any = None
    verb, _, rest = method.partition('_')
    kind = rest.partition('_')[0]
    if kind in _STEPS and verb == 'get':
        result = {
            f'{kind}_steps': {
                _MANAGER: [_step(*each) for each in _STEPS[kind].items()]
            },
            'hardware_manager_version': {_MANAGER: '1'},
        }
    elif kind in _STEPS:
        result = {f'{kind}_result': None, f'{kind}_step': params['step']}
    elif method == 'get_partition_uuids':
        result = {}
    elif method == 'collect_system_logs':
        result = {'system_logs': ''}
    return {'command_status': 'SUCCEEDED', 'command_result': result}


def _step(name: str, priority: int) -> dict[str, Any]:
    return {
        'step': name,
        'interface': 'deploy',
        'priority': priority,
        'reboot_requested': False,
        'abortable': True,
    }


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
        name = body['name'].rpartition('.')[2]
        answer = agent.ask(name, body['params'])
        if answer is not None:
            self._answer(*answer)

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

    :param power: has a machine go off, or restart, on behalf of its agent.
    :param report: is told each change of a machine's power.
    """

    request_queue_size = 256
    daemon_threads = True
    endpoint = ''
    """Where the API of Ironic is."""
    seconds = 2.0
    """Between two heartbeats of one agent."""

    def __init__(
        self,
        power: Callable[[str, str], None],
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.url = f'http://127.0.0.1:{self.server_port}'
        self.power, self.report = power, report
        self.agents: dict[str, Agent] = {}
        #: UUID -> how its agents behave, from the next boot on.
        self.bends: collections.defaultdict[str, Bend] = (
            collections.defaultdict(Bend)
        )
        #: UUID -> the tokens that its agents got, the newest last.
        self.tokens: dict[str, list[str]] = collections.defaultdict(list)
        #: UUID -> how heartbeats and results of inspections were answered.
        self.codes: dict[str, list[int]] = collections.defaultdict(list)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for uuid in list(self.agents):
            self.end(uuid)
        self.shutdown()
        self.server_close()

    def boot(self, uuid: str) -> Agent:
        """Boot the agent of a node, which does nothing yet."""
        self.end(uuid)
        self.agents[uuid] = Agent(self, uuid, self.bends[uuid])
        return self.agents[uuid]

    def end(self, uuid: str) -> None:
        if uuid in self.agents:
            self.agents.pop(uuid).alive = False

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        """Have something done after a while, in a thread of its own."""
        timer = threading.Timer(seconds, what)
        timer.daemon = True
        timer.start()
