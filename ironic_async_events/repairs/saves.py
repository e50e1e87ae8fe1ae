# SPDX-License-Identifier: Apache-2.0
"""Save a node with one UPDATE, whatever has changed on it.

Ironic reads the node, its tags and its traits before each UPDATE, and again
after it, in another transaction.
"""

from collections.abc import Callable
import functools
from typing import Any

from ironic_async_events.task import database


def in_one_update(method: Callable[..., None]) -> Callable[..., None]:
    """Have a node saved with one UPDATE where Ironic is known.

    :param method: ``Node.save``; called by any thread
    """

    @functools.wraps(method)
    def save(self: Any, *args: Any, **kwargs: Any) -> None:
        # Configures the database.
        from ironic_async_events.repairs import saving

        if not saving.can_save(self):
            method(self, *args, **kwargs)
        elif (
            database.is_in_operation()
            # Who changes a state looks for it after an error.
            and 'provision_state' not in self._changed_fields
        ):
            database.retry_until_answered(saving.save, self)
        else:
            saving.save(self)

    return save
