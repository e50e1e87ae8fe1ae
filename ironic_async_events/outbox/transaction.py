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

from ironic_async_events import exceptions
from ironic_async_events.patching import patched
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
    """Commit state and notification together, or neither: a delivery."""
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
    :raises TaskManagerNotLoaded: when it is a site's own and asks for none
    """
    # Needs Ironic's task manager, which the API imports after the driver.
    from ironic_async_events.task import manager

    ours = manager.AsyncTaskManager
    if issubclass(current, ours):
        return current
    if patched.is_patched():
        return ours
    raise exceptions.TaskManagerNotLoaded(
        f'{current.__module__}.{current.__qualname__} cannot be used with the '
        f'outbox: it must be a subclass of {ours.__module__}.{ours.__name__}'
    )
