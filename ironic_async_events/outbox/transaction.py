# SPDX-License-Identifier: Apache-2.0
"""Commit a state and its notification in one transaction.

Between this delivery and the driver are Ironic's notification helpers and
oslo.messaging's notifier, which log every exception and go on. So the driver
notes the errors.
"""

from collections.abc import Sequence
import functools
import threading
from typing import Any

from ironic_async_events.task import database

_here = threading.local()


def errors() -> list[BaseException] | None:
    """Return where the driver notes errors; None outside of a transition."""
    return getattr(_here, 'errors', None)


def check(errors: Sequence[BaseException]) -> None:
    """Raise an error of the database; other errors are logged, as on stock."""
    for error in filter(database.failed, errors):
        raise error


def in_one_transaction(change: Any) -> None:
    """Commit state and notification together, or neither.

    See :mod:`ironic_async_events.task.delivery`.
    """
    change.save_once(functools.partial(_attempt, change))


@database.retried
def _attempt(change: Any) -> None:
    try:
        with database.transaction():
            change.save()
            errors: list[BaseException] = []
            _here.errors = errors
            change.announce()
            check(errors)
    except Exception:
        change.rolled_back()
        raise
    finally:
        _here.errors = None


def with_delivery(current: type[Any]) -> type[Any]:
    """Return a task manager that asks for a delivery.

    :param current: the class that runs; Ironic's own, if this Ironic has the
        series of commits
    """
    # Needs Ironic's task manager, which the API imports after the driver.
    from ironic_async_events.task import manager

    ours = manager.AsyncTaskManager
    return current if issubclass(current, ours) else ours
