# SPDX-License-Identifier: Apache-2.0
"""Load the task manager that the configuration names."""

import importlib.metadata
import inspect
from typing import Any

from stevedore import driver
from stevedore import exception as stevedore_exceptions

from ironic_async_events import exceptions

NAMESPACE = 'ironic_async_events.task_manager'

# The parameters of native's process_event().
_NATIVE = frozenset(('self', 'event', 'target_state', 'last_error'))


def load(name: str, stock: type[Any]) -> Any:
    """Load a task manager by the name of its entry point, and no other.

    Needs Ironic's own task manager to be imported.

    :param name: value of ``[async_events] task_manager``
    :param stock: Ironic's own class, whose calls it must understand
    :returns: the class
    :raises TaskManagerNotLoaded: when there is none of that name, when it
        cannot be imported, or when it does not fit this Ironic
    """
    expected = inspect.signature(stock.process_event).parameters.keys()
    try:
        cls: Any = driver.DriverManager(
            NAMESPACE, name, on_load_failure_callback=_raise
        ).driver
    except stevedore_exceptions.NoMatches:
        known = importlib.metadata.entry_points(group=NAMESPACE).names
        if not expected <= _NATIVE:
            known = known - {'native'}
        raise exceptions.TaskManagerNotLoaded(
            f'[async_events] task_manager = {name} is not known; set it to '
            f'one of: {", ".join(sorted(known))}'
        ) from None
    except Exception as e:
        raise exceptions.TaskManagerNotLoaded(
            f'[async_events] task_manager = {name} cannot be loaded: {e}'
        ) from e
    if not (isinstance(cls, type) and issubclass(cls, stock)):
        raise exceptions.TaskManagerNotLoaded(
            f'[async_events] task_manager = {name} is not a subclass of '
            f"{stock.__module__}.{stock.__name__}, Ironic's own"
        )
    task_manager: Any = cls
    accepted = inspect.signature(task_manager.process_event).parameters
    missing = expected - accepted.keys()
    if missing:
        raise exceptions.TaskManagerNotLoaded(
            f'[async_events] task_manager = {name} does not fit this Ironic, '
            f'which calls process_event() with {", ".join(sorted(missing))}; '
            f'set it to drop_in'
        )
    return task_manager


def _raise(manager: Any, entrypoint: Any, error: BaseException) -> None:
    raise error
