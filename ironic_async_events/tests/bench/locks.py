# SPDX-License-Identifier: Apache-2.0
"""What the snapshot adds to taking an exclusive lock."""

from collections.abc import Callable
import concurrent.futures
import dataclasses
import multiprocessing
from typing import Any

from ironic_async_events.tests.bench import forms
from ironic_async_events.tests.bench import sides
from ironic_async_events.tests.laboratory import snapshot_cost

Figures = dict[str, Any]


def steps(form: forms.Form) -> int:
    """Return how many databases it will use."""
    return len(forms.BACKENDS)


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Lock nodes in each database.

    :param form: how much.
    :param progress: called after each database.
    :returns: backend -> one entry for each kind of node.
    :raises LaboratoryError: when something does not go as it should.
    """
    found: Figures = {}
    for backend in forms.BACKENDS:
        without_broker = dataclasses.replace(backend, rabbitmq=False)
        with sides.servers(without_broker) as shared:
            ironic = shared.configured(sides.STOCK)
            ironic.create_schema()
            # Ironic can be configured once in a process.
            with concurrent.futures.ProcessPoolExecutor(
                1, multiprocessing.get_context('spawn')
            ) as executor:
                costs = executor.submit(
                    snapshot_cost.measure,
                    ironic.database,
                    form.rounds,
                    form.locks,
                ).result()
        found[backend.name] = [dataclasses.asdict(one) for one in costs]
        progress()
    return found
