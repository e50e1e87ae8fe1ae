# SPDX-License-Identifier: Apache-2.0
"""What the snapshot adds to taking an exclusive lock."""

from collections.abc import Callable
import dataclasses
from typing import Any

from laboratory import snapshot_cost
from laboratory.bench import databases
from laboratory.bench import forms

steps = databases.steps


def measure(
    form: forms.Form, progress: Callable[[], None]
) -> dict[str, list[dict[str, Any]]]:
    """Lock nodes in each database.

    :param form: how much.
    :param progress: called after each database.
    :returns: backend -> one entry for each kind of node.
    :raises LaboratoryError: when something does not go as it should.
    """
    found = databases.measure(
        snapshot_cost.measure, progress, form.rounds, form.locks
    )
    return {
        backend: [dataclasses.asdict(one) for one in costs]
        for backend, costs in found.items()
    }
