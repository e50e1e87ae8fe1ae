# SPDX-License-Identifier: Apache-2.0
"""How long the services take to start, and what of it is the plugin's."""

import compileall
import json
import logging
import pathlib
import socket
import sys
import time
from typing import Any

import ironic_async_events
from laboratory import processes
from laboratory import service
from laboratory.bench import sides
from laboratory.bench import usage

LOG = logging.getLogger(__name__)

_POLL = 0.002
_READY = 'Created RPC server'
_PACKAGE = pathlib.Path(ironic_async_events.__file__).parent
# It is the part of the start of ironic-api in which the notification drivers
# are loaded, the plugin's among them; the rest does not know of the plugin.
_PREPARE = """
import json, sys, time
from ironic.command import api  # chooses the service's backend
from ironic.common import service
began, cpu = time.perf_counter(), time.process_time()
service.prepare_service('ironic_api', sys.argv)
took = time.perf_counter() - began, time.process_time() - cpu
print(json.dumps(dict(zip(('seconds', 'cpu'), took))))
"""


def measure(form: sides.Form) -> dict[str, Any]:
    # As an installed package is; what Ironic brings is already.
    compileall.compile_dir(_PACKAGE, quiet=1)
    with sides.servers(sides.MARIADB) as shared:
        ironics = {}
        for side in sides.SIDES:
            ironic = ironics[side.name] = sides.configured(shared, side)
            ironic.create_schema()
            if side is sides.OUTBOX:
                ironic.run_once('ironic-async-events-dbsync', 'upgrade')
        measured: dict[str, Any] = {}
        for name, start in (
            ('ironic-conductor', _start),
            ('ironic-api', _start),
            ('preparation', _prepare),
        ):
            measured[name] = [
                {side: start(ironic, name) for side, ironic in ironics.items()}
                for _ in range(form.starts)
            ]
            LOG.info('%s was started %d times', name, form.starts)
        return measured


def _start(ironic: service.Ironic, name: str) -> dict[str, float]:
    part = ironic.part(name)
    part.log.unlink(missing_ok=True)
    # It has done what it was started for.
    part.grace = 0.0

    def ready() -> bool:
        if name == 'ironic-conductor':
            return _READY in part.log.read_text('utf-8', 'replace')
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', ironic.port)) == 0

    began = time.monotonic()
    with part.start():
        part.require(ready, service.START_SECONDS, 'start', _POLL)
        seconds = time.monotonic() - began
        return {'seconds': seconds, 'cpu': usage.cpu_seconds(part.pid)}


def _prepare(ironic: service.Ironic, name: str) -> dict[str, float]:
    # As the API's process: it reads ironic-api's configuration.
    part = ironic.part('ironic-api')
    part.argv[:1] = [sys.executable, '-c', _PREPARE]
    part.log = ironic.log(name)
    output = processes.run_once(part, service.START_SECONDS)
    took: dict[str, float] = json.loads(output.splitlines()[-1])
    return took
