# SPDX-License-Identifier: Apache-2.0
"""The table of what is replaced in Ironic, and of what that relies on.

Each row names an attribute of an Ironic module, the parameters that it must
have, and why the row is there. An Ironic whose attributes differ is refused
before anything is touched.
"""

from collections.abc import Callable
import dataclasses
import functools
import inspect
import sys
import types
from typing import Any

from oslo_log import log as logging

from ironic_async_events import exceptions
from ironic_async_events.repairs import pool

LOG = logging.getLogger(__name__)

TASK_MANAGER = 'ironic.conductor.task_manager'
MANAGER = 'ironic.conductor.manager'

# Every one of them has been imported when the replacements are made.
MODULES = (TASK_MANAGER, MANAGER)


def _staged(*events: str) -> Callable[[Any], Any]:
    """Make a wrapper for a method that moves the node before it spawns."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        from ironic_async_events.task import (
            drop_in as legacy,  # needs Ironic's modules
        )

        @functools.wraps(method)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with legacy.staging(*events):
                return method(*args, **kwargs)

        return wrapper

    return decorate


def _found_again(method: Callable[..., Any]) -> Callable[..., Any]:
    from ironic_async_events.repairs import orphans  # needs Ironic's modules

    return orphans.found_again(method)


def _says_so(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the start of the conductor, when logging has been set up."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        task_manager: Any = sys.modules[TASK_MANAGER]
        LOG.info(
            'ironic-async-events: TaskManager is now %s.%s',
            task_manager.TaskManager.__module__,
            task_manager.TaskManager.__qualname__,
        )
        return method(*args, **kwargs)

    return wrapper


def _hides_parameters(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the start of the conductor: errors name no parameters then."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from ironic_async_events.task import database

        database.hide_parameters()
        return method(*args, **kwargs)

    return wrapper


def _starts_relay(method: Callable[..., Any]) -> Callable[..., Any]:
    return _with_relay('started', method)


def _stops_relay(method: Callable[..., Any]) -> Callable[..., Any]:
    return _with_relay('stopped', method)


def _with_relay(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method where there is an outbox; nothing is imported else."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        service: Any = sys.modules.get('ironic_async_events.outbox.service')
        wrap = getattr(service, name, lambda method: method)
        return wrap(method)(*args, **kwargs)

    return wrapper


@dataclasses.dataclass(frozen=True)
class Target:
    """An attribute of Ironic on which the plugin relies.

    :param module: name of the module
    :param path: the attribute, dotted below the module
    :param parameters: names of its parameters, as Ironic has them
    :param why: what it is needed for
    :param wrap: makes the replacement out of the original; None where the
        attribute is only called or overridden
    :param optional: whether some supported releases do without it
    """

    module: str
    path: str
    parameters: tuple[str, ...]
    why: str
    wrap: Callable[[Any], Any] | None = None
    optional: bool = False

    @property
    def name(self) -> str:
        """Full name of the attribute."""
        return f'{self.module}.{self.path}'

    def find(self, module: types.ModuleType) -> tuple[Any, Any] | None:
        """Look the attribute up.

        :param module: the imported module
        :returns: its owner and the attribute; None where it is optional and
            not there
        :raises UnsupportedIronic: when it is missing or has other parameters
        """
        owner: Any = None
        found: Any = module
        for part in self.path.split('.'):
            owner = found
            found = inspect.getattr_static(owner, part, None)
            if found is None:
                if self.optional:
                    return None
                raise exceptions.UnsupportedIronic(
                    f'this Ironic has no {self.name}, which is needed '
                    f'because {self.why}'
                )
            if isinstance(owner, type):
                # The class that has it, not one that inherits it.
                owner = next(c for c in owner.__mro__ if part in vars(c))
        parameters = tuple(inspect.signature(found).parameters)
        if parameters != self.parameters:
            raise exceptions.UnsupportedIronic(
                f'{self.name} of this Ironic takes '
                f'({", ".join(parameters)}), not '
                f'({", ".join(self.parameters)}); it is needed because '
                f'{self.why}'
            )
        return owner, found


TARGETS = (
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
        'ConductorManager._check_orphan_nodes',
        ('self', 'context'),
        'a node that could not be taken over must be found again',
        wrap=_found_again,
    ),
    Target(
        MANAGER,
        'ConductorManager._init_executors',
        ('self', 'total_workers', 'reserved_percentage'),
        'a pool must not count workers that never started',
        wrap=pool.recovering,
    ),
    Target(
        MANAGER,
        'ConductorManager.init_host',
        ('self', 'admin_context', 'start_consoles', 'start_allocations'),
        'an operator wants to see that the conductor runs with the plugin',
        wrap=_says_so,
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
        'the relay of the outbox starts with the conductor',
        wrap=_starts_relay,
    ),
    Target(
        MANAGER,
        'ConductorManager.del_host',
        ('self', 'deregister', 'clear_node_reservations'),
        'the relay of the outbox ends with the conductor',
        wrap=_stops_relay,
    ),
)
