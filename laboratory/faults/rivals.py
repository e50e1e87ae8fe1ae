# SPDX-License-Identifier: Apache-2.0
"""Other tasks that want the exclusive lock of the same node."""

from collections.abc import Callable
from collections.abc import Iterable
import contextlib
import functools
from typing import Any

from ironic import objects
from ironic.common import exception
from ironic.conductor import task_manager

from laboratory.faults import observed

#: A conductor of another process, which shares nothing but the database.
_ELSEWHERE = 'other-host'
#: How long a rival keeps the lock, in seconds.
_HOLD = 7.0
_TRIES = 60

Sleep = Callable[[float], None]
Rival = Callable[[Any, str, observed.Locks, Sleep], None]
"""Runs a rival: context, UUID of the node, who is told, how to sleep."""


def _task(
    context: Any, uuid: str, locks: observed.Locks, sleep: Sleep, **how: bool
) -> None:
    """Lock the node as a task of the same conductor does."""
    # Turned away, or a database that is away for the rival, too.
    with (
        contextlib.suppress(Exception),
        task_manager.TaskManager(
            context, uuid, purpose='rival', load_driver=False, **how
        ),
    ):
        sleep(_HOLD)


def _elsewhere(
    context: Any, uuid: str, locks: observed.Locks, sleep: Sleep
) -> None:
    """Lock the node as another conductor does, which never fails."""
    for _ in range(_TRIES):
        with contextlib.suppress(Exception):
            objects.Node.reserve(context, _ELSEWHERE, uuid)
        if locks.holder(uuid) == _ELSEWHERE:
            break
        sleep(5.0)
    else:
        return
    locks.holds(locks, _ELSEWHERE)
    sleep(_HOLD)
    locks.lets_go(locks)
    while locks.holder(uuid) == _ELSEWHERE:
        try:
            objects.Node.release(context, _ELSEWHERE, uuid)
        except exception.NodeNotLocked:
            return
        except Exception:
            sleep(5.0)


RIVALS: dict[str, Rival] = {
    'once': functools.partial(_task, retry=False),
    'retries': _task,
    'patient': functools.partial(_task, patient=True),
    'elsewhere': _elsewhere,
}
"""Every kind of rival."""

COMPANIES = (
    ('once',),
    ('patient',),
    ('elsewhere',),
    ('retries',),
    ('once', 'patient'),
    ('elsewhere', 'patient'),
)
"""The rivals that come together."""


def company(at: int, names: Iterable[str]) -> str:
    """Name rivals that come together before statement number ``at``."""
    return f'{at}@{"+".join(names)}'


def parsed(text: str) -> tuple[int, list[str]]:
    """Return what :func:`company` was given; nobody comes if it is empty."""
    at, _, names = (text or '-1@').partition('@')
    return int(at), names.split('+')
