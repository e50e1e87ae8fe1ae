# SPDX-License-Identifier: Apache-2.0
"""How long the services take to start, and what of it is the plugin's."""

from collections.abc import Callable
import compileall
import json
import pathlib
import socket
import sys
import time
from typing import Any

import ironic_async_events
from laboratory import processes
from laboratory import service
from laboratory.bench import forms
from laboratory.bench import sides
from laboratory.bench import usage

Figures = dict[str, Any]

_POLL = 0.002
_READY = 'Created RPC server'
# Not imported: it imports Ironic, which begins with a choice for a process.
_PREPARED = f'{__package__}.prepared'
_PACKAGE = pathlib.Path(ironic_async_events.__file__).parent


def steps(form: forms.Form) -> int:
    """Return how many processes it will start."""
    return len(sides.SIDES) * (2 * form.starts + form.preparations)


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Start each service again and again, in turns.

    :param form: how much.
    :param progress: called after each start.
    :returns: ``ironic-conductor``, ``ironic-api`` and ``preparation`` ->
        rounds, each of them side -> seconds and CPU seconds.
    :raises LaboratoryError: when a service does not start.
    """
    # As an installed package is; what Ironic brings is already.
    compileall.compile_dir(_PACKAGE, quiet=1)
    with sides.servers(forms.MARIADB) as shared:
        ironics = {}
        for side in sides.SIDES:
            ironic = ironics[side.name] = shared.configured(side)
            ironic.create_schema()
            if side.outbox:
                ironic.run_once('ironic-async-events-dbsync', 'upgrade')

        def turns(
            how_often: int, start: Callable[[service.Ironic], Figures]
        ) -> list[Figures]:
            found = []
            for _ in range(how_often):
                found.append({})
                for name, ironic in ironics.items():
                    found[-1][name] = start(ironic)
                    progress()
            return found

        return {
            'ironic-conductor': turns(form.starts, _conductor),
            'ironic-api': turns(form.starts, _api),
            'preparation': turns(form.preparations, _preparation),
        }


def _conductor(ironic: service.Ironic) -> Figures:
    def takes_requests() -> bool:
        log = ironic.log('ironic-conductor')
        return _READY in log.read_text(encoding='utf-8', errors='replace')

    return _start(ironic, 'ironic-conductor', takes_requests)


def _api(ironic: service.Ironic) -> Figures:
    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', ironic.port)) == 0

    return _start(ironic, 'ironic-api', listens)


def _start(
    ironic: service.Ironic, name: str, ready: Callable[[], bool]
) -> Figures:
    part = ironic.part(name)
    part.log.unlink(missing_ok=True)
    # It has done what it was started for.
    part.grace = 0.0
    began = time.monotonic()
    with part.start():
        if not processes.wait_for(
            lambda: ready() or part.returncode is not None,
            service.START_SECONDS,
            _POLL,
        ):
            part.require(ready, 0.0, 'start')
        seconds = time.monotonic() - began
        cpu = usage.cpu_seconds(part.pid)
        part.require(ready, 1.0, 'start')
    return {'seconds': seconds, 'cpu': cpu}


def _preparation(ironic: service.Ironic) -> Figures:
    # As the API's process: it reads ironic-api's configuration.
    part = ironic.part('ironic-api')
    part.argv[:1] = [sys.executable, '-m', _PREPARED]
    part.log = ironic.log('prepared')
    found: Figures = json.loads(
        processes.run_once(part, service.START_SECONDS).splitlines()[-1]
    )
    return found
