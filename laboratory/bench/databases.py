# SPDX-License-Identifier: Apache-2.0
"""Figures that are measured inside a process, with a database and no more."""

from collections.abc import Callable
import dataclasses
from typing import Any

from laboratory import inside
from laboratory.bench import forms
from laboratory.bench import sides


def steps(form: forms.Form) -> int:
    """Return how many databases will be used."""
    return len(forms.BACKENDS)


def measure(
    function: Callable[..., Any], progress: Callable[[], None], *args: Any
) -> dict[str, Any]:
    """Call a function with each database, in a process of its own.

    :param function: takes the URL of a database that has Ironic's tables.
    :param progress: called after each database.
    :param args: more arguments of the function.
    :returns: backend -> what the function returned.
    :raises LaboratoryError: when something does not go as it should.
    """
    found = {}
    for backend in forms.BACKENDS:
        without_broker = dataclasses.replace(backend, rabbitmq=False)
        with sides.servers(without_broker) as shared:
            ironic = shared.configured(sides.STOCK)
            ironic.create_schema()
            found[backend.name] = inside.elsewhere(
                function, ironic.database, *args
            )
        progress()
    return found
