# SPDX-License-Identifier: Apache-2.0
"""The agents of any number of nodes, behind one port of this process.

An agent of kind ``busy`` is within a step of cleaning for ever. An agent of
kind ``quick`` has ended each command by the time somebody asks.
"""

import collections
from collections.abc import Iterator
import concurrent.futures
import dataclasses
from http import server
import json
import threading
import time
from typing import Any
from typing import Self

from laboratory import errors
from laboratory.api import Api

BUSY, QUICK = 'busy', 'quick'
_THREADS = 32
_VERSION = {'Laboratory': '1'}
_RUNNING = {
    'command_name': 'execute_clean_step',
    'command_status': 'RUNNING',
    'command_error': None,
    'command_result': None,
}


def _result(method: str, params: dict[str, Any]) -> Any:
    """Return the result of a command, as ironic-python-agent has it."""
    what, _, kind = method.partition('_')
    kind = kind.partition('_')[0]
    if what == 'get' and method.endswith('_steps'):
        step = {'interface': 'deploy', 'step': 'write', 'priority': 80}
        own = {'Laboratory': [{**step, 'reboot_requested': False}]}
        return {f'{kind}_steps': own, 'hardware_manager_version': _VERSION}
    if what == 'execute':
        return {f'{kind}_step': params['step'], f'{kind}_result': None}
    return None


class _Handler(server.BaseHTTPRequestHandler):
    server: 'Agents'

    def do_GET(self) -> None:
        kind, uuid = self.path.split('/')[1:3]
        last = _RUNNING if kind == BUSY else self.server.last[uuid]
        self._answer({'commands': [last]})

    def do_POST(self) -> None:
        length = int(self.headers['Content-Length'])
        body = json.loads(self.rfile.read(length))
        method = body['name'].rpartition('.')[2]
        done = _RUNNING | {
            'command_name': method,
            'command_status': 'SUCCEEDED',
            'command_result': _result(method, body['params']),
        }
        self.server.last[self.path.split('/')[2]] = done
        self._answer(done)

    def _answer(self, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Agents(server.ThreadingHTTPServer):
    """All agents; a context manager."""

    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        #: UUID of a node -> the last command of its agent.
        self.last: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()

    def look_up(self, api: Api, uuid: str) -> str:
        """Ask for the token of a node, as an agent does after its boot."""
        code, found = api.call('GET', f'/v1/lookup?node_uuid={uuid}')
        return str(found['config']['agent_token']) if code == 200 else ''

    def beat(self, api: Api, kind: str, uuid: str, token: str) -> int:
        """Send one heartbeat; return the code of its answer."""
        body = {
            'callback_url': f'http://127.0.0.1:{self.server_port}'
            f'/{kind}/{uuid}',
            'agent_version': '11.0.0',
            'agent_token': token,
        }
        return api.call('POST', f'/v1/heartbeat/{uuid}', body)[0]


@dataclasses.dataclass
class Beaten:
    """What came of many heartbeats, and how late the latest was sent."""

    codes: collections.Counter[int]
    late: float
    seconds: float

    @property
    def accepted(self) -> int:
        return self.codes[202]


def beat_all(
    agents: Agents,
    endpoint: str,
    nodes: Iterator[str],
    token: str,
    rate: float,
    seconds: float,
) -> Beaten:
    """Let busy nodes send so many heartbeats a second, one after the other.

    :param rate: heartbeats a second; 0 for as many as are answered
    """
    codes: collections.Counter[int] = collections.Counter()
    lock = threading.Lock()
    sent, late, began = 0, 0.0, time.monotonic()

    def send() -> None:
        nonlocal sent, late
        api = Api(endpoint)
        while True:
            with lock:
                due = began + (sent / rate if rate else 0.0)
                now = time.monotonic()
                if max(due, now) > began + seconds:
                    return
                sent += 1
                uuid = next(nodes)
                late = max(late, now - due) if rate else 0.0
            time.sleep(max(0.0, due - now))
            code = agents.beat(api, BUSY, uuid, token)
            with lock:
                codes[code] += 1

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        for future in [pool.submit(send) for _ in range(_THREADS)]:
            future.result()
    if not codes[202]:
        raise errors.LaboratoryError(f'no heartbeat was accepted: {codes}')
    return Beaten(codes, late, time.monotonic() - began)
