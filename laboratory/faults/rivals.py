# SPDX-License-Identifier: Apache-2.0
"""Other tasks that want the exclusive lock of the same node."""

from collections.abc import Callable
from collections.abc import Iterable
import functools
from typing import Any

from ironic import objects
from ironic.common import exception
from ironic.conductor import task_manager

from laboratory.faults import observed

#: A conductor of another process, which shares nothing but the database.
ELSEWHERE = 'other-host'
#: How long a rival keeps the lock, in seconds.
_HOLD = 7.0
_TRIES = 60

Sleep = Callable[[float], None]
Rival = Callable[[Any, str, observed.Locks, Sleep], None]
"""Runs a rival: context, UUID of the node, who is told, how to sleep."""


def _task(
    context: Any,
    uuid: str,
    locks: observed.Locks,
    sleep: Sleep,
    **how: bool,
) -> None:
    """Lock the node as a task of the same conductor does."""
    try:
        with task_manager.TaskManager(
            context, uuid, purpose='rival', load_driver=False, **how
        ):
            sleep(_HOLD)
    except Exception:
        # Turned away, or a database that is away for the rival, too.
        return


def _elsewhere(
    context: Any, uuid: str, locks: observed.Locks, sleep: Sleep
) -> None:
    """Lock the node as another conductor does; this one never fails."""
    for _ in range(_TRIES):
        try:
            objects.Node.reserve(context, ELSEWHERE, uuid)
        except Exception:
            if locks.holder(uuid) != ELSEWHERE:
                sleep(5.0)
                continue
        break
    else:
        return
    locks.holds(locks, ELSEWHERE)
    sleep(_HOLD)
    locks.lets_go(locks)
    while locks.holder(uuid) == ELSEWHERE:
        try:
            objects.Node.release(context, ELSEWHERE, uuid)
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


def company(at: int, names: Iterable[str]) -> str:
    """Name rivals that come together.

    :param at: number of the statement before which they come
    :param names: their kinds
    """
    return f'{at}@{"+".join(names)}'


def parsed(text: str) -> tuple[int, list[str]]:
    """Return what :func:`company` was given; nobody comes if it is empty."""
    at, _, names = (text or '-1@').partition('@')
    return int(at), names.split('+')


COMPANIES = (
    ('once',),
    ('patient',),
    ('elsewhere',),
    ('retries',),
    ('once', 'patient'),
    ('elsewhere', 'patient'),
)
"""The rivals that come together."""
