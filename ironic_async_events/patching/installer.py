# SPDX-License-Identifier: Apache-2.0
"""Install, uninstall, and tell what is installed.

Ironic is patched when it has imported the last of the modules concerned, all
at once or not at all. Nothing here imports a module of Ironic: importing the
conductor before the service has parsed its configuration breaks Ironic.
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
    """What has become of the plugin in this process.

    :param installed: whether somebody has asked for it
    :param patched: full names of what is replaced at the moment
    :param left_out: the repairs that do not fit this Ironic
    :param refusal: why the conductor must not run, if so
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
# Names of the rooms whose rows have been dealt with.
_done: set[str] = set()
_arrived: dict[str, types.ModuleType] = {}
_undo = contextlib.ExitStack()


def state() -> State:
    """Return what has become of the plugin in this process."""
    return _state


def register(
    room: str, table: Iterable[rows.Row], *, required: bool = True
) -> None:
    """Add the rows of a room; registering a room again does nothing.

    Where Ironic is patched already, it is for these rows, too. Called by the
    main thread of a service, while it parses its configuration.

    :param room: name of the room
    :param table: what it relies on
    :param required: whether an Ironic that does not fit is refused; else the
        room is left out with a warning
    """
    _rooms.setdefault(room, _Room(room, tuple(table), required))
    _attempt()


def install() -> None:
    """Have the conductor of this process run with what is registered.

    Ironic is patched at once if it has imported its conductor already,
    otherwise as soon as it does. Never raises: what does not fit is logged,
    and keeps the conductor from starting. Installing twice is installing
    once. Called by the main thread of a service, while it parses its
    configuration.
    """
    global _state
    if _state.installed:
        return
    _state = dataclasses.replace(_state, installed=True)
    for name in rows.MODULES:
        wrapt.register_post_import_hook(_on_import, name)


def uninstall() -> None:
    """Put back every object that was replaced, last in first out.

    Uninstalling twice is uninstalling once.
    """
    global _state
    _state = State()
    _rooms.clear()
    _done.clear()
    _arrived.clear()
    _undo.close()


def refuse(reason: str) -> None:
    """Record that the conductor must not run, and say so.

    :param reason: what the operator reads, in one line
    """
    global _state
    _state = dataclasses.replace(_state, patched=(), refusal=reason)
    LOG.error('ironic-async-events: %s', reason)


def confirm() -> None:
    """Check the rows of modules that were not imported until now.

    Called by the thread that starts the conductor, when it has parsed its
    configuration: from then on anything can be imported.

    :raises RefusedToStart: when one does not fit
    """
    try:
        for room in _rooms.values():
            if room.name not in _state.left_out:
                for row in room.rows:
                    if not rows.is_imported(row):
                        row.check()
    except exceptions.UnsupportedIronic as e:
        refuse(str(e))
        raise exceptions.RefusedToStart(f'ironic-async-events: {e}') from e


def _on_import(module: types.ModuleType) -> None:
    """Patch Ironic if this was the last module to wait for.

    A post-import hook of wrapt, called in the thread that imports. It must
    not raise: Ironic would survive that by importing once more, unpatched.
    """
    if _state.installed:
        _arrived[module.__name__] = module
        _attempt()


def _attempt() -> None:
    """Patch what has not been patched yet, if everything is there."""
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
    """Replace everything, or raise and leave everything as it was."""
    global _state
    # Every owner is looked up first: a replaced class is another one.
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
            # Two rows can be about one attribute.
            value = wrap(vars(owner)[attribute])
            stack.callback(patch.replace(owner, attribute, value))
            patched += row.full_names
        _undo.push(stack.pop_all())
    _state = dataclasses.replace(_state, patched=(*_state.patched, *patched))


def _fits(room: _Room) -> bool:
    """Check the rows of a room, as far as that imports nothing.

    :raises UnsupportedIronic: when a required room does not fit
    """
    global _state
    try:
        for row in filter(rows.is_imported, room.rows):
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
    """Let the conductor refuse to start.

    Both ways in are guarded: a spawned service process gets its manager
    unpickled, without a call of the constructor.
    """

    manager: Any = _arrived[rows.MANAGER]

    def refuse_to_start(self: Any, *args: Any, **kwargs: Any) -> None:
        raise exceptions.RefusedToStart(f'ironic-async-events: {reason}')

    for name in ('__init__', 'init_host'):
        _undo.callback(
            patch.replace(manager.ConductorManager, name, refuse_to_start)
        )
