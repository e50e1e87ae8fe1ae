# SPDX-License-Identifier: Apache-2.0
"""Load the task manager that the configuration names."""

import importlib.metadata
import inspect
from typing import Any

from oslo_config import cfg
from stevedore import driver
from stevedore import exception as stevedore_exceptions

from ironic_async_events import exceptions

NAMESPACE = 'ironic_async_events.task_manager'


def task_manager(stock: type[Any]) -> Any:
    """Return the class that takes the place of Ironic's own.

    Needs Ironic's own task manager to be imported.

    :param stock: Ironic's own class
    :raises TaskManagerNotLoaded: see :func:`load`
    """
    return load(cfg.CONF.async_events.task_manager, stock)


def load(name: str, stock: type[Any]) -> Any:
    """Load a task manager by the name of its entry point, and no other.

    :param name: value of ``[async_events] task_manager``
    :param stock: Ironic's own class, whose calls it must understand
    :raises TaskManagerNotLoaded: when there is none of that name, when it
        cannot be imported, or when it does not fit this Ironic
    """
    option = f'[async_events] task_manager = {name}'
    try:
        cls: Any = driver.DriverManager(
            NAMESPACE, name, on_load_failure_callback=_raise
        ).driver
    except stevedore_exceptions.NoMatches:
        known = importlib.metadata.entry_points(group=NAMESPACE).names
        raise exceptions.TaskManagerNotLoaded(
            f'{option} is not known; set it to one of: '
            f'{", ".join(sorted(known))}'
        ) from None
    except Exception as e:
        raise exceptions.TaskManagerNotLoaded(
            f'{option} cannot be loaded: {e}'
        ) from e
    if not (isinstance(cls, type) and issubclass(cls, stock)):
        raise exceptions.TaskManagerNotLoaded(
            f'{option} is not a subclass of {stock.__module__}.'
            f"{stock.__name__}, Ironic's own"
        )
    found: Any = cls
    accepted = inspect.signature(found.process_event).parameters.keys()
    missing = inspect.signature(stock.process_event).parameters - accepted
    if missing:
        raise exceptions.TaskManagerNotLoaded(
            f'{option} does not fit this Ironic, which calls process_event() '
            f'with {", ".join(sorted(missing))}; set it to drop_in'
        )
    return cls


def with_delivery(current: type[Any]) -> Any:
    """Return a task manager that has the seam of the outbox.

    :param current: the class that runs; Ironic's own, if this Ironic has the
        series of commits
    """
    from ironic_async_events.task import manager

    ours = manager.AsyncTaskManager
    return current if issubclass(current, ours) else ours


def _raise(manager: Any, entrypoint: Any, error: BaseException) -> None:
    raise error
