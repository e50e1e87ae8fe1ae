# SPDX-License-Identifier: Apache-2.0
"""Recognize an Ironic that needs no other task manager.

The series of commits in ``patchset/`` writes the task manager of the plugin
into Ironic. There the plugin replaces nothing of the task manager.

This module imports nothing of Ironic before it is asked to.
"""

from collections.abc import Callable
import functools
import importlib
import importlib.util
import pathlib
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import conf as async_conf
from ironic_async_events import patching
from ironic_async_events.patching.row import MANAGER
from ironic_async_events.patching.row import TASK_MANAGER
from ironic_async_events.patching.row import Need
from ironic_async_events.patching.row import Row
from ironic_async_events.patching.row import Target

LOG = logging.getLogger(__name__)

ANSWER = 'this Ironic does it by itself'
"""What the log and the upgrade check say of such an Ironic."""

_DELIVERY = 'ironic.conductor.transitions.delivery'
_SNAPSHOT = 'ironic.conductor.transitions.snapshot'
_WHY = 'only the whole series of commits works without the plugin'


def is_patched() -> bool:
    """Tell whether the installed Ironic has the series of commits.

    Looks for a file, because the import of a package of Ironic could choose
    the backend of the service.
    """
    spec = importlib.util.find_spec('ironic')
    places = (spec and spec.submodule_search_locations) or ()
    path = pathlib.Path(*_DELIVERY.split('.')[1:]).with_suffix('.py')
    return any((pathlib.Path(place) / path).is_file() for place in places)


def delivery() -> Any:
    """Return the module that chooses the delivery of this process.

    Called by the main thread of a service, while it parses its configuration.
    Of Ironic, this imports empty packages and one module without imports.
    """
    name = f'{__package__}.delivery'
    return importlib.import_module(_DELIVERY if is_patched() else name)


def snapshot() -> Any:
    """Return the module with which such an Ironic remembers a locked node.

    For whoever replaces the method that locks. None on any other Ironic.
    """
    return importlib.import_module(_SNAPSHOT) if is_patched() else None


def ignored(conf: cfg.ConfigOpts) -> list[str]:
    """Return one line for each option that has no effect on such an Ironic.

    :param conf: a configuration in which the options are registered
    """
    options = conf.async_events
    lines = []
    if options.task_manager not in ('drop_in', 'native'):
        lines.append(
            f'[async_events] task_manager = {options.task_manager} is '
            f"ignored, Ironic's own task manager runs: {ANSWER}"
        )
    if options.sequence_notifications:
        lines.append(
            '[async_events] sequence_notifications is ignored, numbered '
            f'notifications are not sent any more: {ANSWER}'
        )
    if options.start_timeout != async_conf.DEFAULT_START_TIMEOUT:
        lines.append(
            '[async_events] start_timeout is ignored; set [conductor] '
            f'worker_start_timeout = {options.start_timeout:g}: {ANSWER}'
        )
    return lines


def rows(conf: cfg.ConfigOpts) -> tuple[Row, ...]:
    """Return the table of what the plugin needs from such an Ironic.

    :param conf: the configuration of the service
    """
    return (
        Target(
            TASK_MANAGER,
            'TaskManager.process_event',
            ('self', 'event', 'target_state', 'last_error'),
            _WHY,
        ),
        Target(
            TASK_MANAGER,
            'TaskManager.post_process_event',
            ('self',),
            _WHY,
        ),
        Need(
            _DELIVERY,
            ('current', 'use'),
            'the outbox commits a state and its notification together',
        ),
        Target(
            _SNAPSHOT,
            'Snapshot',
            ('node',),
            'a task that is locked by the repair "locks" remembers its node',
        ),
        Need(
            TASK_MANAGER,
            ('TaskManager._snapshot',),
            'a task that is locked by the repair "locks" remembers its node',
        ),
        Target(
            MANAGER,
            'ConductorManager.init_host',
            ('self', 'admin_context', 'start_consoles', 'start_allocations'),
            'the conductor says that it needs no other task manager',
            wrap=functools.partial(_confirmed, conf),
        ),
    )


def _confirmed(
    conf: cfg.ConfigOpts, method: Callable[..., Any]
) -> Callable[..., Any]:
    """Wrap the start of the conductor: check late rows, tell the operator.

    When the driver is constructed, the service has not set its log up.
    """

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        patching.confirm()
        LOG.info(
            "ironic-async-events: %s, its own task manager runs. The plugin's "
            'driver line is needed for the outbox and for the repairs only '
            '([async_events] repairs); without them, remove the line',
            ANSWER,
        )
        for line in ignored(conf):
            LOG.warning('ironic-async-events: %s', line)
        return method(*args, **kwargs)

    return wrapper
