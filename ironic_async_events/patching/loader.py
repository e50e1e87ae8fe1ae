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


def task_manager(stock: Any) -> Any:
    """Load the class that the configuration names, and no other.

    Needs Ironic's own task manager to be imported.

    :param stock: Ironic's own class, whose calls it must understand
    :raises TaskManagerNotLoaded: when there is none of that name, when it
        cannot be imported, or when it does not fit this Ironic
    """
    name = cfg.CONF.async_events.task_manager
    try:
        cls: Any = driver.DriverManager(
            NAMESPACE, name, on_load_failure_callback=_raise
        ).driver
    except stevedore_exceptions.NoMatches:
        known = sorted(importlib.metadata.entry_points(group=NAMESPACE).names)
        raise _not_loaded(
            name, f'is not known; set it to one of: {", ".join(known)}'
        ) from None
    except Exception as e:
        raise _not_loaded(name, f'cannot be loaded: {e}') from e
    if not (isinstance(cls, type) and issubclass(cls, stock)):
        own = f'{stock.__module__}.{stock.__name__}'
        raise _not_loaded(name, f"is not a subclass of {own}, Ironic's own")
    pair: tuple[Any, Any] = (stock, cls)
    expected, accepted = (
        inspect.signature(each.process_event).parameters.keys()
        for each in pair
    )
    if missing := sorted(expected - accepted):
        raise _not_loaded(
            name,
            'does not fit this Ironic, which calls process_event() with '
            f'{", ".join(missing)}; set it to drop_in',
        )
    return cls


def _not_loaded(name: str, why: str) -> exceptions.TaskManagerNotLoaded:
    return exceptions.TaskManagerNotLoaded(
        f'[async_events] task_manager = {name} {why}'
    )


def _raise(manager: Any, entrypoint: Any, error: BaseException) -> None:
    raise error
