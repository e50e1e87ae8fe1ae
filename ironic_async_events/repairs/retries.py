# SPDX-License-Identifier: Apache-2.0
"""Retry what Ironic asks of its database, where that is right.

oslo.db retries methods of the database API that have its decorators. In
Ironic, ``Connection._do_update_node()`` has the one for deadlocks without
effect, because another method calls it, and none has the one for lost
connections.
"""

from collections.abc import Callable
import functools
from typing import Any

from ironic_async_events.task import database

# Methods with these names may be called twice: they read, or they write the
# same values again, under the lock of the operation.
_REPEATABLE = ('get_', 'list_', 'set_', 'touch_', 'update_')


def in_operations(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have an operation wait while the database is away.

    An error of the database ends an operation, and the handler of the error
    meets the next one: the node keeps the state of the operation. No client
    waits for a worker, so a worker can wait for the database.

    :param method: ``DBAPI.__getattr__`` of oslo.db, by which each method of
        the database API is found
    """

    @functools.wraps(method)
    def find(self: Any, name: str) -> Any:
        found = method(self, name)
        if not database.is_in_operation():
            return found
        if name == 'create_node_history':
            found = _once(self, found)
        elif not name.startswith(_REPEATABLE):
            return found
        return functools.partial(database.retry_until_answered, found)

    return find


def _once(dbapi: Any, create: Callable[..., Any]) -> Callable[..., Any]:
    """Return what records an event in the history of a node, once."""
    repeated = False

    def create_once(values: dict[str, Any]) -> Any:
        nonlocal repeated
        if repeated:
            # Perhaps only the answer was lost.
            for record in dbapi.get_node_history_by_node_id(
                values['node_id'], limit=1, sort_key='id', sort_dir='desc'
            ):
                if record.event == values['event']:
                    return record
        repeated = True
        return create(values)

    return create_once
