# SPDX-License-Identifier: Apache-2.0
"""The table of what the task manager replaces, overrides and calls."""

from collections.abc import Callable
import functools
import sys
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import patching
from ironic_async_events.patching.row import MANAGER
from ironic_async_events.patching.row import TASK_MANAGER
from ironic_async_events.patching.row import Row
from ironic_async_events.patching.row import Target
from ironic_async_events.task import loader
from ironic_async_events.task import needs
from ironic_async_events.task import patched

_conf: cfg.ConfigOpts = cfg.CONF
LOG = logging.getLogger(__name__)


def use(conf: cfg.ConfigOpts) -> None:
    """Choose the configuration that names the task manager.

    :param conf: the configuration of the service
    """
    global _conf
    _conf = conf


def table(conf: cfg.ConfigOpts) -> tuple[Row, ...]:
    """Return the table for the installed Ironic.

    :param conf: the configuration of the service
    """
    return patched.rows(conf) if patched.is_patched() else ROWS


def _replacement(stock: type[Any]) -> Any:
    return loader.load(_conf.async_events.task_manager, stock)


def _staged(*events: str) -> Callable[[Any], Any]:
    """Return a wrapper for a method that changes the state and then spawns."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        from ironic_async_events.task import drop_in  # needs Ironic's modules

        @functools.wraps(method)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with drop_in.staging(*events):
                return method(*args, **kwargs)

        return wrapper

    return decorate


def _confirmed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the start of the conductor: check late rows, log the class."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        patching.confirm()
        task_manager: Any = sys.modules[TASK_MANAGER]
        LOG.info(
            'ironic-async-events: TaskManager is now %s.%s',
            task_manager.TaskManager.__module__,
            task_manager.TaskManager.__qualname__,
        )
        return method(*args, **kwargs)

    return wrapper


def _hides_parameters(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the start of the conductor: errors repeat no parameters."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from ironic_async_events.task import database

        database.hide_parameters()
        return method(*args, **kwargs)

    return wrapper


ROWS: tuple[Row, ...] = (
    Target(
        TASK_MANAGER,
        'TaskManager',
        (
            'context',
            'node_id',
            'shared',
            'purpose',
            'retry',
            'patient',
            'load_driver',
        ),
        'its workers shall save the state',
        wrap=_replacement,
    ),
    Target(
        TASK_MANAGER,
        'TaskManager.process_event',
        (
            'self',
            'event',
            'callback',
            'call_args',
            'call_kwargs',
            'err_handler',
            'target_state',
            'last_error',
        ),
        'Ironic passes its callbacks with its events',
    ),
    Target(
        TASK_MANAGER,
        'TaskManager.spawn_after',
        ('self', '_spawn_method', 'args', 'kwargs'),
        'it keeps what the end of the with block spawns',
    ),
    Target(
        TASK_MANAGER,
        'TaskManager.set_spawn_error_hook',
        ('self', '_on_error_method', 'args', 'kwargs'),
        'hooks are called when no worker can be had',
    ),
    Target(
        TASK_MANAGER,
        'TaskManager._lock',
        ('self',),
        'the node is remembered when its lock is taken',
    ),
    Target(
        TASK_MANAGER,
        'TaskManager.release_resources',
        ('self',),
        'it ends the lock',
    ),
    Target(
        TASK_MANAGER,
        'TaskManager._thread_release_resources',
        ('self', 'fut'),
        'it ends the work of a worker',
    ),
    Target(
        TASK_MANAGER,
        'TaskManager._write_exception',
        ('self', 'future'),
        'the text of a database error must not be recorded',
    ),
    Target(
        TASK_MANAGER,
        'TaskManager.__exit__',
        ('self', 'exc_type', 'exc_val', 'exc_tb'),
        'it starts the worker',
    ),
    Target(
        MANAGER,
        'ConductorManager.continue_node_clean',
        ('self', 'context', 'node_id'),
        'a node whose cleaning cannot go on must keep waiting',
        wrap=_staged('resume'),
    ),
    Target(
        MANAGER,
        'ConductorManager.continue_node_deploy',
        ('self', 'context', 'node_id'),
        'a node whose deployment cannot go on must keep waiting',
        wrap=_staged('resume'),
    ),
    Target(
        MANAGER,
        'ConductorManager.continue_node_service',
        ('self', 'context', 'node_id'),
        'a node whose service cannot go on must keep waiting',
        wrap=_staged('resume'),
        optional=True,
    ),
    Target(
        MANAGER,
        'ConductorManager._do_abort',
        ('self', 'task'),
        'the abort of a service fails the node before it asks for a worker',
        wrap=_staged('fail'),
    ),
    Target(
        MANAGER,
        'ConductorManager.init_host',
        ('self', 'admin_context', 'start_consoles', 'start_allocations'),
        'errors of the database must not repeat the passwords of nodes',
        wrap=_hides_parameters,
    ),
    Target(
        MANAGER,
        'ConductorManager.init_host',
        ('self', 'admin_context', 'start_consoles', 'start_allocations'),
        'the conductor says that it runs with the plugin, or refuses',
        wrap=_confirmed,
    ),
    *needs.NEEDS,
)
