# SPDX-License-Identifier: Apache-2.0
"""Remember a continuation that is refused, and add the pass that retries."""

from collections.abc import Callable
import functools
from typing import Any

from futurist import periodics

from ironic_async_events.repairs import continuations
from ironic_async_events.task import database

LOG = continuations.LOG


def remembering(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a conductor remember a continuation that it refuses.

    :param method: such as ``ConductorManager.continue_node_clean``; called by
        the RPC thread
    :returns: the replacement
    """

    @functools.wraps(method)
    def wrapper(self: Any, context: Any, node_id: str) -> Any:
        try:
            return method(self, context, node_id)
        except Exception as e:
            if continuations.is_refusal(e):
                LOG.info(
                    '%(method)s of node %(node)s was refused (%(error)s); '
                    'the conductor tries again while the node waits',
                    {
                        'method': method.__name__,
                        'node': node_id,
                        'error': database.redacted(e),
                    },
                )
                continuations.of(self).remember(
                    context, node_id, continuations.Refused(method)
                )
            raise

    return wrapper


def collecting(method: Callable[..., Any]) -> Callable[..., Any]:
    """Add the pass that retries to the periodic tasks of a conductor.

    :param method: ``ConductorManager._collect_periodic_tasks``; called by the
        thread that starts the conductor
    :returns: the replacement
    """

    @functools.wraps(method)
    def wrapper(self: Any, admin_context: Any) -> Any:
        result = method(self, admin_context)
        kept = continuations.of(self)

        def continue_refused_nodes(context: Any) -> None:
            kept.run_pass(self, context)

        periodic = periodics.periodic(spacing=continuations.SPACING)
        self._periodic_tasks.add(
            periodic(continue_refused_nodes), admin_context
        )
        return result

    return wrapper


def forgetting(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Forget a node when its provision state changes.

    The node may wait in the same state again, for something else. Its row
    does not tell: a heartbeat, too, sets ``provision_updated_at``.

    :param emit: ``emit_provision_set_notification``; called by any thread
        that changes a state
    :returns: the replacement
    """

    @functools.wraps(emit)
    def wrapper(task: Any, *args: Any, **kwargs: Any) -> Any:
        continuations.forget(task.node.uuid)
        return emit(task, *args, **kwargs)

    return wrapper


def lending(acquire: Callable[..., Any]) -> Callable[..., Any]:
    """Let a retry keep the lock under which it has checked its node.

    :param acquire: ``task_manager.acquire``; called by any thread
    :returns: the replacement
    """

    @functools.wraps(acquire)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return continuations.lent() or acquire(*args, **kwargs)

    return wrapper
