# SPDX-License-Identifier: Apache-2.0
"""Replace what writes the state of a node to the database."""

from collections.abc import Callable
import importlib
import importlib.util
import pkgutil
from typing import Any

import fixtures

from ironic_async_events.task import patched

_IRONIC = 'ironic.db.sqlalchemy.api.Connection.update_node'
# A patched Ironic saves a state by a statement of its own.
_MODULE = 'ironic.conductor.transitions.statements'


def replaced(
    function: Callable[..., Any],
) -> list[fixtures.MonkeyPatch]:
    """Return fixtures that put a function in the place of each of them.

    :param function: called with the original and its arguments, of which the
        last two are a node and its new values
    """
    names = [_IRONIC]
    if patched.is_patched() and importlib.util.find_spec(_MODULE):
        names.append(f'{_MODULE}.update_node')
    return [
        fixtures.MonkeyPatch(name, _before(name, function)) for name in names
    ]


def _before(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    # Imported late: older releases need their options first.
    original = pkgutil.resolve_name(name)

    def replacement(*args: Any) -> Any:
        return function(original, *args)

    return replacement
