# SPDX-License-Identifier: Apache-2.0
"""Install, uninstall, and tell what is installed.

Ironic is patched when it has imported the last of the modules concerned, all
at once or not at all. Nothing here imports a module of Ironic: importing the
conductor before the service has parsed its configuration breaks Ironic.
"""

import contextlib
import dataclasses
import types
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
import wrapt

from ironic_async_events import conf as async_conf
from ironic_async_events import exceptions
from ironic_async_events.patching import loader
from ironic_async_events.patching import patch
from ironic_async_events.patching import targets

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class State:
    """What has become of the plugin in this process.

    :param installed: whether somebody has asked for it
    :param patched: full names of what is replaced at the moment
    :param refusal: why the conductor must not run, if so
    """

    installed: bool = False
    patched: tuple[str, ...] = ()
    refusal: str | None = None

    @property
    def active(self) -> bool:
        """Whether the conductor of this process runs with the plugin."""
        return bool(self.patched) and self.refusal is None


_state = State()
_arrived: dict[str, types.ModuleType] = {}
_undo = contextlib.ExitStack()
_conf: cfg.ConfigOpts = cfg.CONF


def state() -> State:
    """Return what has become of the plugin in this process."""
    return _state


def install(conf: cfg.ConfigOpts | None = None) -> None:
    """Have the conductor of this process run with the plugin.

    Ironic is patched at once if it has imported its conductor already,
    otherwise as soon as it does. Never raises: what does not fit is logged,
    and keeps the conductor from starting. Installing twice is installing
    once. Called by the main thread of a service, while it parses its
    configuration.

    :param conf: the configuration of the service; oslo.config's global one
        by default
    """
    global _state, _conf
    if _state.installed:
        return
    _conf = conf or cfg.CONF
    _state = State(installed=True)
    async_conf.register(_conf)
    try:
        async_conf.check(_conf)
    except exceptions.AsyncEventsError as e:
        _refuse(str(e))
    for name in targets.MODULES:
        wrapt.register_post_import_hook(_on_import, name)


def uninstall() -> None:
    """Put back every object that was replaced, last in first out.

    Uninstalling twice is uninstalling once.
    """
    global _state
    _state = State()
    _arrived.clear()
    _undo.close()


def _on_import(module: types.ModuleType) -> None:
    """Patch Ironic if this was the last module to wait for.

    A post-import hook of wrapt, called in the thread that imports. It must
    not raise: Ironic would survive that by importing once more, unpatched.
    """
    global _state
    if not _state.installed or _state.patched:
        return
    _arrived[module.__name__] = module
    if _arrived.keys() != set(targets.MODULES):
        return
    try:
        if _state.refusal is None:
            _patch()
    except exceptions.AsyncEventsError as e:
        _refuse(str(e))
    except Exception as e:
        LOG.exception('ironic-async-events: unexpected error')
        _refuse(f'unexpected error while Ironic was patched: {e}')
    if _state.refusal is not None:
        _guard(_state.refusal)


def _patch() -> None:
    """Replace everything, or raise and leave everything as it was."""
    global _state
    for target in targets.TARGETS:
        target.find(_arrived[target.module])
    task_manager: Any = _arrived[targets.TASK_MANAGER]
    replacement = loader.load(
        _conf.async_events.task_manager, task_manager.TaskManager
    )
    with contextlib.ExitStack() as stack:
        stack.callback(patch.replace(task_manager, 'TaskManager', replacement))
        patched = [f'{targets.TASK_MANAGER}.TaskManager']
        for target in targets.TARGETS:
            if target.wrap is None:
                continue
            # Looked up again: two rows can be about one attribute.
            place = target.find(_arrived[target.module])
            if place is not None:
                owner, original = place
                attribute = target.path.rpartition('.')[2]
                stack.callback(
                    patch.replace(owner, attribute, target.wrap(original))
                )
                patched.append(target.name)
        _undo.push(stack.pop_all())
    _state = dataclasses.replace(_state, patched=tuple(patched))


def _refuse(reason: str) -> None:
    """Record that the conductor must not run, and say so."""
    global _state
    _state = dataclasses.replace(_state, refusal=reason)
    LOG.error('ironic-async-events: %s', reason)


def _guard(reason: str) -> None:
    """Let the conductor refuse to start.

    Both ways in are guarded: a spawned service process gets its manager
    unpickled, without a call of the constructor.
    """

    manager: Any = _arrived[targets.MANAGER]

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        raise exceptions.RefusedToStart(f'ironic-async-events: {reason}')

    for name in ('__init__', 'init_host'):
        _undo.callback(patch.replace(manager.ConductorManager, name, refuse))
