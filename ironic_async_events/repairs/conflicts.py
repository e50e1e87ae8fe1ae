# SPDX-License-Identifier: Apache-2.0
"""Retry a save that another writer has rolled back.

Servers of a Galera cluster find conflicts at COMMIT and answer with a
deadlock. Ironic's ``Connection._do_update_node()`` has oslo.db's decorator for
deadlocks. But the decorator works only for methods that are called through the
database API, and this method is called by another one.
"""

from collections.abc import Callable
from typing import Any

from ironic_async_events.task import database


def retrying(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have a save retried after a conflict.

    :param method: ``Connection._do_update_node``; called by any thread that
        saves a node
    :returns: the method that takes its place; within a transaction of the
        plugin it retries nothing
    """
    return database.retried(method)
