# SPDX-License-Identifier: Apache-2.0
"""Memory of a conductor: with operations that run, and after many."""

from collections.abc import Callable
from collections.abc import Sequence
import concurrent.futures
import itertools
import time
from typing import Any

from laboratory import errors
from laboratory.bench import forms
from laboratory.bench import nodes
from laboratory.bench import requesting
from laboratory.bench import sides
from laboratory.bench import usage

Figures = dict[str, Any]

# So many nodes that an operation has ended before its node is asked again.
_NODES = 250
_SAMPLES = 10
_SETTLED = 1.0
# Longer than it takes to ask for all of them.
_RUNS_SECONDS = 30


def steps(form: forms.Form) -> int:
    """Return how many operations it will do."""
    each = form.churn + form.running * form.running_rounds
    return each * len(sides.SIDES)


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Look at memory while operations run, and after many of them.

    :param form: how much.
    :param progress: called after each operation, from any thread.
    :returns: ``running``: rounds, each side -> bytes; ``churn``: side ->
        (operations, bytes), again and again.
    :raises LaboratoryError: when something does not go as it should.
    """
    return {
        'running': [
            _running(form, progress) for _ in range(form.running_rounds)
        ],
        'churn': _churn(form, progress),
    }


def _running(form: forms.Form, progress: Callable[[], None]) -> Figures:
    found: Figures = {}
    options = {'fake': {'inspect_delay': str(_RUNS_SECONDS)}}
    with sides.started(
        forms.MARIADB,
        lambda shared, side: shared.configured(side, options=options),
    ) as running:
        for one in running:
            fresh = nodes.add(one, form.running)
            before = _settled(one)
            asker = requesting.Requests(one.bench.ironic.endpoint)
            asker.ask(fresh, progress)
            during = _settled(one)
            states = {seen.node: seen.state for seen in one.bench.eye.read()}
            at_work = sum(states[node] == 'inspecting' for node in fresh)
            if at_work < form.running:
                raise errors.LaboratoryError(
                    f'only {at_work} of {form.running} operations were still '
                    f'running when memory was looked at'
                )
            found[one.side.name] = {
                'operations': at_work,
                'before': before,
                'during': during,
            }
        for one in running:
            for process in one.bench.ironic.running:
                # Nobody waits for operations that only wait.
                process.grace = 0.0
    return found


def _churn(form: forms.Form, progress: Callable[[], None]) -> Figures:
    found: dict[str, list[tuple[int, int]]] = {
        side.name: [] for side in sides.SIDES
    }
    part = form.churn // _SAMPLES
    with sides.started(forms.MARIADB) as running:
        fresh = {
            one.side.name: itertools.cycle(nodes.add(one, _NODES))
            for one in running
        }
        askers = {
            one.side.name: requesting.Requests(one.bench.ironic.endpoint)
            for one in running
        }
        # At once: no time is measured, and no conductor can use two
        # processors.
        with concurrent.futures.ThreadPoolExecutor(
            len(sides.SIDES)
        ) as executor:
            for number in range(1, _SAMPLES + 1):
                asking = [
                    executor.submit(
                        _ask,
                        one,
                        askers[one.side.name],
                        list(itertools.islice(fresh[one.side.name], part)),
                        progress,
                    )
                    for one in running
                ]
                for one, each in zip(running, asking, strict=True):
                    each.result()
                    found[one.side.name].append((number * part, _settled(one)))
    return found


def _ask(
    running: sides.Running,
    asker: requesting.Requests,
    wanted: Sequence[str],
    progress: Callable[[], None],
) -> None:
    """Ask, and see every operation to its end."""
    after = requesting.last_seen(running.bench.eye)
    asked = asker.ask(wanted, progress)
    if None in requesting.ends(running.bench.eye, asked, after):
        raise errors.LaboratoryError('an operation did not end in time')


def _settled(running: sides.Running) -> int:
    time.sleep(_SETTLED)
    return usage.memory(running.conductor)
