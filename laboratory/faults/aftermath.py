# SPDX-License-Identifier: Apache-2.0
"""The fault has passed: the conductor goes on."""

from collections.abc import Callable
from typing import Any

from ironic.conductor import task_manager

from ironic_async_events.tests.unit.spawn_failures import cases

_PASSES = tuple(
    dict.fromkeys(case.method for case in cases.CASES if case.periodic)
)
#: Operations that make few statements.
_SHORT = ('inspect', 'rescue', 'unrescue', 'manage')


def passes(manager: Any, context: Any) -> None:
    """Run every periodic pass that looks for nodes.

    :param manager: Ironic's ``ConductorManager``
    :param context: of the passes
    """
    for method in _PASSES:
        if hasattr(manager, method):
            getattr(manager, method)(context)


def lock(context: Any, uuid: str, tell: Callable[[Exception], None]) -> None:
    """Take the exclusive lock at once, and give it back.

    :param context: of the task
    :param uuid: of the node
    :param tell: is called with the error, if there is one
    """
    try:
        with task_manager.TaskManager(
            context, uuid, retry=False, purpose='a second request'
        ):
            pass
    except Exception as e:
        tell(e)


def fitting(state: str) -> cases.Case | None:
    """Return an operation that a node can be asked for.

    :param state: provision state of the node
    """
    candidates = [
        case
        for case in cases.CASES
        if case.state == state and case.staged and not case.periodic
    ]
    return min(
        candidates,
        key=lambda case: case.operation not in _SHORT,
        default=None,
    )
