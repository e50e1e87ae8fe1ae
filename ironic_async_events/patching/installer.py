# SPDX-License-Identifier: Apache-2.0
"""Install the plugin, uninstall it, and report its state.

Ironic is patched when it has imported both modules that are patched: all
targets at once, or none. This module imports no module of Ironic: importing
the conductor before the service has parsed its configuration breaks Ironic.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
import contextlib
import dataclasses
import functools
import sys
import types
from typing import Any

from oslo_log import log as logging
import wrapt

from ironic_async_events import exceptions
from ironic_async_events.patching import patch
from ironic_async_events.patching import requirement

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class State:
    """The state of the plugin in this process.

    :param installed: whether ``install()`` was called
    :param patched: full names of the attributes that are replaced now
    :param left_out: names of the repairs that do not fit this Ironic
    :param refusal: why the conductor must not run; None when it may
    """

    installed: bool = False
    patched: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    refusal: str | None = None

    @property
    def active(self) -> bool:
        """Whether the conductor of this process runs with the plugin."""
        return bool(self.patched) and self.refusal is None


@dataclasses.dataclass(frozen=True)
class _Component:
    name: str
    requirements: Collection[requirement.Requirement]
    required: bool


_state = State()
_components: dict[str, _Component] = {}
# Components, or parts of required ones, whose modules are not imported yet.
_late: list[_Component] = []
# Names of the components that have been patched or left out.
_done: set[str] = set()
_arrived: dict[str, types.ModuleType] = {}
_undo = contextlib.ExitStack()


def state() -> State:
    """Return the state of the plugin in this process."""
    return _state


def register(
    name: str,
    requirements: Collection[requirement.Requirement],
    *,
    required: bool = True,
) -> None:
    """Register what a component requires; registering it again does nothing.

    When Ironic is patched already, the attributes are replaced at once.
    Called by the main thread of a service, while it parses its configuration.

    :param required: whether the conductor refuses to start when something
        does not fit; else the component is left out with a warning
    """
    _components.setdefault(name, _Component(name, requirements, required))
    _attempt()


def install() -> None:
    """Patch Ironic as registered, when it imports its conductor.

    When the conductor is imported already, Ironic is patched at once. Never
    raises: a failure is logged, and the conductor refuses to start.
    Installing twice is installing once. Called by the main thread of a
    service, while it parses its configuration.
    """
    global _state
    if _state.installed:
        return
    _state = dataclasses.replace(_state, installed=True)
    for name in requirement.MODULES:
        wrapt.register_post_import_hook(_on_import, name)


def uninstall() -> None:
    """Restore every replaced object, last in first out.

    Uninstalling twice is uninstalling once.
    """
    global _state
    _state = State()
    _components.clear()
    _late.clear()
    _done.clear()
    _arrived.clear()
    _undo.close()


def refuse(reason: str) -> None:
    """Record and log in one line that the conductor must not run."""
    global _state
    _state = dataclasses.replace(_state, patched=(), refusal=reason)
    LOG.error('ironic-async-events: %s', reason)


def confirm() -> None:
    """Check and patch what needs modules that were not imported before.

    Called by the thread that starts the conductor, after the configuration
    was parsed: from then on every module can be imported.

    :raises RefusedToStart: when a requirement does not fit
    """
    late = list(_late)
    _late.clear()
    try:
        _replace(late)
    except exceptions.UnsupportedIronic as e:
        refuse(str(e))
        raise exceptions.RefusedToStart(f'ironic-async-events: {e}') from e


def _on_import(module: types.ModuleType) -> None:
    """Patch Ironic when all modules have been imported.

    A hook of wrapt, called by the thread that imports. It must not raise:
    Ironic would import the module again, unpatched.
    """
    if _state.installed:
        _arrived[module.__name__] = module
        _attempt()


def _attempt() -> None:
    """Patch what is not patched yet, when all modules are there."""
    if (
        _arrived.keys() != set(requirement.MODULES)
        or _components.keys() == _done
    ):
        return
    try:
        if _state.refusal is None:
            _patch([c for c in _components.values() if c.name not in _done])
    except exceptions.AsyncEventsError as e:
        refuse(str(e))
    except Exception as e:
        LOG.exception('ironic-async-events: unexpected error')
        refuse(f'unexpected error while Ironic was patched: {e}')
    _done.update(_components)
    if _state.refusal is not None:
        _undo.close()
        _guard(_state.refusal)


def _patch(components: Iterable[_Component]) -> None:
    """Patch what needs only modules that are imported, or patch nothing."""
    ready = []
    for component in components:
        early: list[requirement.Requirement] = []
        late: list[requirement.Requirement] = []
        for need in component.requirements:
            (early if need.module in sys.modules else late).append(need)
        if not late:
            ready.append(component)
        elif component.required:
            ready.append(dataclasses.replace(component, requirements=early))
            _late.append(dataclasses.replace(component, requirements=late))
        else:
            # A repair is made as a whole.
            _late.append(component)
    _replace(ready)


def _replace(components: Iterable[_Component]) -> None:
    """Replace all attributes of the components, or raise and replace none."""
    global _state
    # All owners are looked up first: a replacement changes what a name means.
    places = [
        (need, *place)
        for component in filter(_fits, components)
        for need in component.requirements
        if (place := need.place())
    ]
    patched: list[str] = []
    with contextlib.ExitStack() as stack:
        for need, owner, name in places:
            # Two requirements can wrap the same attribute.
            value = need.replacement(vars(owner)[name])
            stack.callback(patch.replace(owner, name, value))
            patched += need.full_names
        _undo.push(stack.pop_all())
    _state = dataclasses.replace(_state, patched=(*_state.patched, *patched))


def _fits(component: _Component) -> bool:
    """Check the requirements of a component; imports their modules."""
    global _state
    try:
        for need in component.requirements:
            need.check()
    except exceptions.UnsupportedIronic as e:
        if component.required:
            raise
        LOG.warning(
            'ironic-async-events: the repair "%(repair)s" is left out: '
            '%(reason)s',
            {'repair': component.name, 'reason': e},
        )
        _state = dataclasses.replace(
            _state, left_out=(*_state.left_out, component.name)
        )
        return False
    return True


def confirming(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the start of the conductor: patch the rest, log the class.

    When the driver is constructed, the service has not set its log up.

    :param method: ``ConductorManager.init_host``
    """

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        confirm()
        cls: Any = sys.modules[requirement.TASK_MANAGER].TaskManager
        LOG.info(
            'ironic-async-events: TaskManager is now %s.%s',
            cls.__module__,
            cls.__qualname__,
        )
        return method(*args, **kwargs)

    return wrapper


def _guard(reason: str) -> None:
    """Make the conductor refuse to start.

    Constructor and ``init_host()`` both refuse: a spawned service process
    unpickles its manager and never calls the constructor.
    """
    manager: Any = _arrived[requirement.MANAGER]

    def refuse_to_start(self: Any, *args: Any, **kwargs: Any) -> None:
        raise exceptions.RefusedToStart(f'ironic-async-events: {reason}')

    for name in ('__init__', 'init_host'):
        _undo.callback(
            patch.replace(manager.ConductorManager, name, refuse_to_start)
        )
