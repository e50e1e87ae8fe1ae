# SPDX-License-Identifier: Apache-2.0
"""Statements and commits of a conductor, for each operation, by kind."""

from collections.abc import Callable
import pathlib
import sys
import time
from typing import Any

from ironic_async_events.outbox import lanes
from laboratory import clients
from laboratory import lifecycle
from laboratory import service
from laboratory.bench import counted
from laboratory.bench import forms
from laboratory.bench import sides

Figures = dict[str, Any]

# A conductor's sign of life is no operation's statement.
_SILENT = {'heartbeat_interval': 3600, 'heartbeat_timeout': 7200}
# The relay, and the log of the statements, are done by then.
_SETTLED = 1.0


def configure(shared: sides.Servers, side: sides.Side) -> service.Ironic:
    """Configure a side whose conductor writes its statements down.

    :param shared: what the sides share.
    :param side: which one.
    """
    return shared.configured(
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
        self._path: pathlib.Path = (
            home.parent / f'{running.side.name}.statements'
        )
        _, self._offset = counted.read(self._path)

    def end(self) -> dict[str, dict[str, int]]:
        """Return the counts, of operations and of the relay.

        :returns: ``operations`` and ``relay`` -> kind and table -> count.
        """
        time.sleep(_SETTLED)
        counts, _ = counted.read(self._path, self._offset)
        found: dict[str, dict[str, int]] = {'operations': {}, 'relay': {}}
        for (thread, what), number in sorted(counts.items()):
            part = found['relay' if thread == lanes.THREAD else 'operations']
            part[what] = part.get(what, 0) + number
        return found


def steps(form: forms.Form) -> int:
    """Return how many operations it will do."""
    return (
        len(forms.BACKENDS)
        * len(sides.SIDES)
        * (len(lifecycle.here()) + len(form.life))
    )


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Lead one node through its whole life on each side.

    :param form: how much; only for the life before it.
    :param progress: called after each operation.
    :returns: backend -> side -> counts.
    :raises LaboratoryError: when something does not go as it should.
    """
    found: Figures = {}
    for backend in forms.BACKENDS:
        with sides.started(backend, configure) as running:
            found[backend.name] = {
                one.side.name: _count(form, one, progress) for one in running
            }
    return found


def _count(
    form: forms.Form, running: sides.Running, progress: Callable[[], None]
) -> Figures:
    endpoint = running.bench.ironic.endpoint
    # What is only done once in a process is not counted.
    clients.drive(endpoint, 1, 1, form.life, progress)
    time.sleep(_SETTLED)
    seen = running.bench.eye.read()[-1].id
    counting = Counting(running)
    life = lifecycle.here()
    account = clients.drive(endpoint, 1, 1, life, progress)
    return {
        'operations': len(account.accepted),
        'refused': account.refused,
        'transitions': sum(
            one.before_state is not None
            for one in running.bench.eye.read(seen)
        ),
        **{f'by_{part}': one for part, one in counting.end().items()},
    }
