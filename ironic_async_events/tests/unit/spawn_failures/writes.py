# SPDX-License-Identifier: Apache-2.0
"""Replace what writes the state of a node to the database."""

from collections.abc import Callable
import pkgutil
from typing import Any

import fixtures

_IRONIC = 'ironic.db.sqlalchemy.api.Connection.update_node'


def replaced(
    function: Callable[..., Any],
) -> list[fixtures.MonkeyPatch]:
    """Return fixtures that put a function in the place of each of them.

    :param function: called with the original and its arguments, of which the
        last two are a node and its new values
    """
    return [fixtures.MonkeyPatch(_IRONIC, _before(_IRONIC, function))]


def _before(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    # Imported late: older releases need their options first.
    original = pkgutil.resolve_name(name)

    def replacement(*args: Any) -> Any:
        return function(original, *args)

    return replacement
