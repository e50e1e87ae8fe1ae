# SPDX-License-Identifier: Apache-2.0
"""Save nodes in turn where only one thread can write.

On SQLite, a transaction of Ironic that saves a node begins with a read. When
another thread commits between this read and the write, the write fails at
once, and Ironic repeats everything after 0.1 to 1 second.
"""

from collections.abc import Callable
import functools
from typing import Any

from ironic_async_events.task import database


def in_turn(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have a transaction wait for its turn before it begins.

    :param method: ``Connection._do_update_node``; called by any thread that
        saves a node
    """

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with database.turn():
            return method(*args, **kwargs)

    return wrapper
