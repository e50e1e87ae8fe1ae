# SPDX-License-Identifier: Apache-2.0
"""Choose how a state is saved and announced: the seam of the outbox.

A delivery is a function that processes a
:class:`ironic_async_events.task.change.StateChange` in the thread that holds
the lock on the node, as a rule the worker. It raises when the state could not
be saved; then nothing has been announced.
"""

from collections.abc import Callable
from typing import Any


def save_then_announce(change: Any) -> None:
    """Send the notification right after the commit.

    Each notification is sent once and in order. It is lost when the process
    dies in between, or when the bus refuses it.
    """
    change.save_once(change.save)
    change.announce()


_current: Callable[[Any], None] = save_then_announce


def current() -> Callable[[Any], None]:
    """Return the delivery of this process."""
    return _current


def use(delivery: Callable[[Any], None]) -> Callable[[Any], None]:
    """Choose the delivery of this process; return the delivery before.

    Called by the main thread of a service, before there are workers.
    """
    global _current
    before, _current = _current, delivery
    return before
