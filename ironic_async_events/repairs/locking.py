# SPDX-License-Identifier: Apache-2.0
"""Replace the methods with which Ironic locks and unlocks a node.

Called by the thread that makes or ends a task.
"""

from collections.abc import Callable
import functools
from typing import Any

from ironic_async_events.repairs import locks
from ironic_async_events.repairs import reserving


def locking(method: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a task known while it asks for its lock.

    :param method: ``TaskManager._lock``; called by the thread that makes the
        task
    """

    @functools.wraps(method)
    def lock(self: Any) -> None:
        with locks.asking(self):
            method(self)

    return lock


def recording(method: Any) -> Any:
    """Record each lock that a task gets.

    :param method: ``Node.reserve``, a class method; called by the thread that
        makes a task, for each attempt
    """
    method = reserving.reserving(method)

    @functools.wraps(method.__func__)
    def reserve(cls: Any, *args: Any, **kwargs: Any) -> Any:
        # Bound, not unwrapped: it may be the proxy of a tracing agent.
        original = method.__get__(None, cls)
        return locks.RESERVATIONS.ask(
            functools.partial(original, *args, **kwargs)
        )

    return classmethod(reserve)


def downgrading(method: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a task give back only its own lock.

    :param method: ``TaskManager.downgrade_lock``
    """
    return _of_own(locks.Reservations.give_back, method)


def releasing(method: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a task release only its own lock, and retry on database errors.

    :param method: ``TaskManager.release_resources``; called by the thread
        that ends the task
    :returns: the replacement; it raises DBError when the database stays away
    """
    return _of_own(locks.Reservations.release, method)


def _of_own(
    release: Callable[..., None], method: Callable[[Any], None]
) -> Callable[[Any], None]:
    @functools.wraps(method)
    def wrapper(self: Any) -> None:
        if self.node is None or self.shared:
            method(self)
        else:
            own = functools.partial(method, self)
            release(locks.RESERVATIONS, self, own)

    return wrapper
