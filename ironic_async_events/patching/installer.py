# SPDX-License-Identifier: Apache-2.0
"""Install the plugin, uninstall it, and report its state.

Ironic is patched when it has imported both modules that are patched: all
targets at once, or none. This module imports no module of Ironic: importing
the conductor before the service has parsed its configuration breaks Ironic.
"""

from collections.abc import Iterable
import contextlib
import dataclasses
import types
from typing import Any

from oslo_log import log as logging
import wrapt

from ironic_async_events import exceptions
from ironic_async_events.patching import patch
from ironic_async_events.patching import row as rows

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
class _Room:
    name: str
    rows: tuple[rows.Row, ...]
    required: bool


_state = State()
_rooms: dict[str, _Room] = {}
# Rooms, or parts of required rooms, whose modules are not imported yet.
_late: list[_Room] = []
# Names of the rooms that have been patched or left out.
_done: set[str] = set()
_arrived: dict[str, types.ModuleType] = {}
_undo = contextlib.ExitStack()


def state() -> State:
    """Return the state of the plugin in this process."""
    return _state


def register(
    room: str, table: Iterable[rows.Row], *, required: bool = True
) -> None:
    """Register the table of a room; registering a room again does nothing.

    When Ironic is patched already, the targets of the room are replaced at
    once. Called by the main thread of a service, while it parses its
    configuration.

    :param room: name of the room
    :param table: the rows of what the room relies on
    :param required: whether the conductor refuses to start when a row does
        not fit; else the room is left out with a warning
    """
    _rooms.setdefault(room, _Room(room, tuple(table), required))
    _attempt()


def install() -> None:
    """Patch Ironic with the registered tables, when it imports its conductor.

    When the conductor is imported already, Ironic is patched at once. Never
    raises: a failure is logged, and the conductor refuses to start.
    Installing twice is installing once. Called by the main thread of a
    service, while it parses its configuration.
    """
    global _state
    if _state.installed:
        return
    _state = dataclasses.replace(_state, installed=True)
    for name in rows.MODULES:
        wrapt.register_post_import_hook(_on_import, name)


def uninstall() -> None:
    """Restore every replaced object, last in first out.

    Uninstalling twice is uninstalling once.
    """
    global _state
    _state = State()
    _rooms.clear()
    _late.clear()
    _done.clear()
    _arrived.clear()
    _undo.close()


def refuse(reason: str) -> None:
    """Record and log that the conductor must not run.

    :param reason: one line for the operator
    """
    global _state
    _state = dataclasses.replace(_state, patched=(), refusal=reason)
    LOG.error('ironic-async-events: %s', reason)


def confirm() -> None:
    """Check and patch what needs modules that were not imported before.

    Called by the thread that starts the conductor, after the configuration
    was parsed: from then on every module can be imported.

    :raises RefusedToStart: when a row of a required room does not fit
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

    A post-import hook of wrapt, called by the thread that imports. It must
    not raise: Ironic would import the module again, unpatched.
    """
    if _state.installed:
        _arrived[module.__name__] = module
        _attempt()


def _attempt() -> None:
    """Patch the rooms that are not patched yet, when all modules are there."""
    if _arrived.keys() != set(rows.MODULES) or _rooms.keys() == _done:
        return
    try:
        if _state.refusal is None:
            _patch([r for r in _rooms.values() if r.name not in _done])
    except exceptions.AsyncEventsError as e:
        refuse(str(e))
    except Exception as e:
        LOG.exception('ironic-async-events: unexpected error')
        refuse(f'unexpected error while Ironic was patched: {e}')
    _done.update(_rooms)
    if _state.refusal is not None:
        _undo.close()
        _guard(_state.refusal)


def _patch(rooms: Iterable[_Room]) -> None:
    """Patch what needs only modules that are imported, or patch nothing."""
    ready = []
    for room in rooms:
        late = tuple(row for row in room.rows if not rows.is_imported(row))
        if late and room.required:
            early = tuple(row for row in room.rows if row not in late)
            ready.append(dataclasses.replace(room, rows=early))
            _late.append(dataclasses.replace(room, rows=late))
        elif late:
            # A repair is made as a whole.
            _late.append(room)
        else:
            ready.append(room)
    _replace(ready)


def _replace(rooms: Iterable[_Room]) -> None:
    """Replace all targets of the rooms, or raise and replace none."""
    global _state
    # All owners are looked up first: a replacement changes what a name means.
    places = []
    for room in filter(_fits, rooms):
        for row in room.rows:
            if isinstance(row, rows.Target) and row.wrap is not None:
                place = row.find()
                if place is not None:
                    places.append((place[0], row.attribute, row.wrap, row))
    patched: list[str] = []
    with contextlib.ExitStack() as stack:
        for owner, attribute, wrap, row in places:
            # Two rows can wrap the same attribute.
            value = wrap(vars(owner)[attribute])
            stack.callback(patch.replace(owner, attribute, value))
            patched += row.full_names
        _undo.push(stack.pop_all())
    _state = dataclasses.replace(_state, patched=(*_state.patched, *patched))


def _fits(room: _Room) -> bool:
    """Check the rows of a room; imports their modules.

    :raises UnsupportedIronic: when a required room does not fit
    """
    global _state
    try:
        for row in room.rows:
            row.check()
    except exceptions.UnsupportedIronic as e:
        if room.required:
            raise
        LOG.warning(
            'ironic-async-events: the repair "%(repair)s" is left out: '
            '%(reason)s',
            {'repair': room.name, 'reason': e},
        )
        _state = dataclasses.replace(
            _state, left_out=(*_state.left_out, room.name)
        )
        return False
    return True


def _guard(reason: str) -> None:
    """Make the conductor refuse to start.

    Constructor and ``init_host()`` both refuse: a spawned service process
    unpickles its manager and never calls the constructor.
    """

    manager: Any = _arrived[rows.MANAGER]

    def refuse_to_start(self: Any, *args: Any, **kwargs: Any) -> None:
        raise exceptions.RefusedToStart(f'ironic-async-events: {reason}')

    for name in ('__init__', 'init_host'):
        _undo.callback(
            patch.replace(manager.ConductorManager, name, refuse_to_start)
        )
