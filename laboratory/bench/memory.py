# SPDX-License-Identifier: Apache-2.0
"""Memory of a conductor: with operations that run, and after many."""

from collections.abc import Sequence
import concurrent.futures
import itertools
import logging
import time
from typing import Any

from laboratory import errors
from laboratory import service
from laboratory.bench import forms
from laboratory.bench import inspections
from laboratory.bench import sides
from laboratory.bench import usage

LOG = logging.getLogger(__name__)

Figures = dict[str, Any]

# So many nodes that an operation has ended before its node is asked again.
_NODES = 250
_SAMPLES = 10
_SETTLED = 1.0
# Longer than it takes to ask for all of them.
_RUNS_SECONDS = 30


def measure(form: forms.Form) -> Figures:
    """Look at memory while operations run, and after many of them.

    :param form: how much.
    :returns: ``running``: rounds, each side -> bytes; ``churn``: side ->
        (operations, bytes), again and again.
    :raises LaboratoryError: when something does not go as it should.
    """
    return {
        'running': [_running(form) for _ in range(form.running_rounds)],
        'churn': _churn(form),
    }


def _long(shared: sides.Servers, side: sides.Side) -> service.Ironic:
    options = {'fake': {'inspect_delay': str(_RUNS_SECONDS)}}
    return sides.configured(shared, side, options=options)


def _running(form: forms.Form) -> Figures:
    measured: Figures = {}
    with sides.started(forms.MARIADB, _long) as running:
        for one in running:
            fresh = inspections.add(one, form.running)
            before = _settled(one)
            inspections.ask(one, fresh)
            during = _settled(one)
            at_work = inspections.count(one, "provision_state = 'inspecting'")
            if at_work < form.running:
                raise errors.LaboratoryError(
                    f'only {at_work} of {form.running} operations were still '
                    f'running when memory was looked at'
                )
            measured[one.side.name] = {
                'operations': at_work,
                'before': before,
                'during': during,
            }
        for one in running:
            for process in one.bench.ironic.running:
                # Nobody waits for operations that only wait.
                process.grace = 0.0
    return measured


def _churn(form: forms.Form) -> Figures:
    samples: dict[str, list[tuple[int, int]]] = {
        side.name: [] for side in sides.SIDES
    }
    part = form.churn // _SAMPLES
    with (
        sides.started(forms.MARIADB) as running,
        # At once: no time is measured, and no conductor can use two
        # processors.
        concurrent.futures.ThreadPoolExecutor(len(sides.SIDES)) as executor,
    ):
        fresh = [
            itertools.cycle(inspections.add(one, _NODES)) for one in running
        ]
        for number in range(1, _SAMPLES + 1):
            wanted = [list(itertools.islice(nodes, part)) for nodes in fresh]
            list(executor.map(_ask, running, wanted))
            for one in running:
                sample = (number * part, _settled(one))
                samples[one.side.name].append(sample)
            LOG.info('%d operations are done', number * part)
    return samples


def _ask(running: sides.Running, wanted: Sequence[str]) -> None:
    """Ask, and see every operation to its end."""
    after = inspections.last_seen(running.bench.eye)
    asked = inspections.ask(running, wanted)
    if None in inspections.ends(running.bench.eye, asked, after):
        raise errors.LaboratoryError('an operation did not end in time')


def _settled(running: sides.Running) -> int:
    time.sleep(_SETTLED)
    return usage.memory(running.conductor)
