# SPDX-License-Identifier: Apache-2.0
"""Statements and commits of a conductor, by kind, also with many nodes."""

import logging
import sys
import time
from typing import Any

from ironic_async_events.outbox import lanes
from laboratory import clients
from laboratory import lifecycle
from laboratory import service
from laboratory.bench import counted
from laboratory.bench import forms
from laboratory.bench import inspections
from laboratory.bench import load
from laboratory.bench import sides

LOG = logging.getLogger(__name__)

Figures = dict[str, Any]

# A conductor's sign of life is no operation's statement.
_SILENT = {'heartbeat_interval': 3600, 'heartbeat_timeout': 7200}
_GROWTH_CLIENTS = 2
# The relay, and the log of the statements, are done by then.
_SETTLED = 1.0


def configure(shared: sides.Servers, side: sides.Side) -> service.Ironic:
    """Configure a side whose conductor writes its statements down.

    :param shared: what the sides share.
    :param side: which one.
    """
    return sides.configured(
        shared,
        side,
        split=True,
        options={'conductor': _SILENT},
        command=[
            sys.executable,
            '-m',
            counted.__name__,
            str(shared.directory / f'{side.name}.statements'),
            service.script('ironic-conductor'),
        ],
    )


class Counting:
    """Counts what a conductor executes from now on.

    :param running: a side that was configured by :func:`configure`.
    """

    def __init__(self, running: sides.Running) -> None:
        home = running.bench.ironic.directory
        self._path = home.parent / f'{running.side.name}.statements'
        _, self._offset = counted.read(self._path)

    def end(self) -> dict[str, dict[str, int]]:
        """Return the counts, of operations and of the relay.

        :returns: ``operations`` and ``relay`` -> kind and table -> count.
        """
        time.sleep(_SETTLED)
        counts, _ = counted.read(self._path, self._offset)
        parts: dict[str, dict[str, int]] = {'operations': {}, 'relay': {}}
        for (thread, what), number in sorted(counts.items()):
            part = parts['relay' if thread == lanes.THREAD else 'operations']
            part[what] = part.get(what, 0) + number
        return parts


def measure(form: forms.Form) -> Figures:
    """Lead one node through its whole life on each side.

    :param form: on what.
    :returns: backend -> side -> counts.
    :raises LaboratoryError: when something does not go as it should.
    """
    measured = {}
    for backend in form.clients:
        with sides.started(backend, configure) as running:
            measured[backend.name] = {
                one.side.name: _count(one) for one in running
            }
        LOG.info('statements on %s are counted', backend.name)
    return measured


def _count(running: sides.Running) -> Figures:
    endpoint, eye = running.bench.ironic.endpoint, running.bench.eye
    # What is only done once in a process is not counted.
    clients.drive(endpoint, 1, 1, forms.LIFE)
    time.sleep(_SETTLED)
    seen = inspections.last_seen(eye)
    counting = Counting(running)
    account = clients.drive(endpoint, 1, 1, lifecycle.here())
    return {
        'operations': len(account.accepted),
        'transitions': sum(
            change.before_state is not None for change in eye.read(seen)
        ),
        **{f'by_{part}': counts for part, counts in counting.end().items()},
    }


def measure_growth(form: forms.Form) -> Figures:
    """Do rounds with more and more nodes.

    :param form: how much.
    :returns: number of nodes -> rounds, each of them side -> figures.
    :raises LaboratoryError: when something does not go as it should.
    """
    measured: Figures = {}
    with sides.started(forms.MARIADB, configure) as running:
        for one in running:
            _play(one)
        for number in form.growth_nodes:
            for one in running:
                inspections.add(one, number - inspections.count(one))
            measured[str(number)] = [
                {one.side.name: _play(one) for one in running}
                for _ in range(form.growth_rounds)
            ]
            LOG.info('rounds with %d nodes are done', number)
    return measured


def _play(running: sides.Running) -> Figures:
    counting = Counting(running)
    played = load.play(running, _GROWTH_CLIENTS, 1)
    executed = sum(counting.end()['operations'].values())
    return played | {'statements_per_op': executed / played['operations']}
