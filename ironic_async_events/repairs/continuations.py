# SPDX-License-Identifier: Apache-2.0
"""Retry the continuation of a node that the conductor refused.

A driver casts ``continue_node_clean`` and the like once, and gets no answer.
When there is no worker, the node keeps waiting for a step that has ended.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import contextvars
import functools
import threading
import time
from typing import Any
import weakref

import futurist
from futurist import periodics
from ironic.common import exception
from ironic.conductor import task_manager
from ironic.objects import node as node_object
from oslo_config import cfg
from oslo_log import log as logging
import wrapt

from ironic_async_events import redaction
from ironic_async_events.task import database

CONF = cfg.CONF
# Operators know the lines of a continuation by the name of the manager.
LOG = logging.getLogger('ironic.conductor.manager')

SPACING = 10
"""Seconds between two passes."""
_LONGEST_PAUSE = 60

# The task that the method of a retry has to use.
_lent: contextvars.ContextVar[list[Any]] = contextvars.ContextVar('lent')


class _Refused:
    """A continuation that was refused, by its method of the conductor."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.attempts = 0
        # What the node waits for; None when the database was away.
        self.seen: _Wait | None = None
        self.back_off()

    def back_off(self) -> None:
        """Wait longer before the next attempt."""
        pause = min(SPACING * 2**self.attempts, _LONGEST_PAUSE)
        self.due = time.monotonic() + pause
        self.attempts += 1


class _Wait:
    """What a node waits for."""

    def __init__(self, node: Any) -> None:
        info = node.driver_internal_info or {}
        self._step = (
            node.provision_state,
            info.get('clean_step_index'),
            info.get('deploy_step_index'),
            info.get('service_step_index'),
        )
        self._updated_at = node.provision_updated_at

    def is_same(self, before: '_Wait | None', here: bool) -> bool:
        """Return whether the node still waits for the same.

        :param before: what it waited for
        :param here: whether this conductor would have seen a change; else
            the node must not even have been touched
        """
        if before is None:
            return here
        return self._step == before._step and (
            here or self._updated_at == before._updated_at
        )


class Continuations:
    """The continuations that a conductor has refused, one for each node."""

    def __init__(self, manager: Any) -> None:
        self._manager = weakref.proxy(manager)
        self._lock = threading.Lock()
        self._nodes: dict[str, _Refused] = {}

    def remember(self, context: Any, uuid: str, refused: _Refused) -> None:
        """Remember a refused continuation.

        Called by the thread that was refused, when the node is unlocked.
        """
        with self._lock:
            self._nodes[uuid] = refused
        # The node is read afterwards: a change of its state is either read,
        # or makes the conductor forget the node.
        try:
            refused.seen = _Wait(node_object.Node.get_by_uuid(context, uuid))
        except Exception as e:
            LOG.debug(
                'Node %s cannot be read: %s', uuid, redaction.redacted(e)
            )

    def forget(self, uuid: str) -> None:
        """Forget a node. Called by any thread."""
        with self._lock:
            self._nodes.pop(uuid, None)

    @periodics.periodic(spacing=SPACING)  # type: ignore[untyped-decorator]
    def continue_refused_nodes(self, context: Any) -> None:
        """Ask for a worker for each node that is due.

        Without a worker nothing is written, and the pass ends. Called by the
        thread of the periodic task.
        """
        now = time.monotonic()
        with self._lock:
            due = [item for item in self._nodes.items() if item[1].due <= now]
        due.sort(key=lambda item: item[1].due)
        for uuid, refused in due[: CONF.conductor.periodic_max_workers]:
            refused.back_off()
            try:
                self._manager._spawn_worker(
                    self._retry, context, uuid, refused
                )
            except Exception as e:
                LOG.debug('Node %s is not continued yet: %s', uuid, e)
                return

    def _retry(self, context: Any, uuid: str, refused: _Refused) -> None:
        """Continue a node if it waits for the same. Called by a worker."""
        try:
            task = task_manager.acquire(
                context,
                uuid,
                shared=False,
                retry=False,
                purpose='retry of a refused continuation',
            )
            with _lending(task):
                if self._take(task.node, refused):
                    self._continue(context, uuid, refused)
        except exception.NodeNotFound:
            self.forget(uuid)
        except Exception as e:
            error = redaction.redacted(e)
            LOG.debug('Node %s is not continued yet: %s', uuid, error)

    def _take(self, node: Any, refused: _Refused) -> bool:
        """Forget a locked node; return whether it waits for the same."""
        if node.maintenance:
            return False
        here = self._manager._mapped_to_this_conductor(
            node.uuid, node.driver, node.conductor_group
        )
        with self._lock:
            if self._nodes.get(node.uuid) is not refused:
                return False
            del self._nodes[node.uuid]
        return _Wait(node).is_same(refused.seen, here)

    def _continue(self, context: Any, uuid: str, refused: _Refused) -> None:
        LOG.info(
            'Node %s is continued, attempt %d of %s',
            *(uuid, refused.attempts - 1, refused.method.__name__),
        )
        try:
            refused.method(_WithWorker(self._manager), context, uuid)
        except Exception as e:
            error = redaction.redacted(e)
            LOG.warning('Node %s was not continued: %s', uuid, error)
            if _is_refusal(e):
                self.remember(context, uuid, refused)


class _WithWorker(wrapt.ObjectProxy):  # type: ignore[misc]
    """The conductor, which has a worker: the calling thread."""

    def _spawn_worker(
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """See Ironic; returns when the function has ended."""
        return futurist.SynchronousExecutor().submit(func, *args, **kwargs)


@contextlib.contextmanager
def _lending(task: Any) -> Iterator[None]:
    """Lend a task to the method that is called; release an unused task."""
    tasks = [task]
    token = _lent.set(tasks)
    try:
        yield
    finally:
        _lent.reset(token)
        for unused in tasks:
            unused.release_resources()


def _is_refusal(error: BaseException) -> bool:
    """Return whether a continuation could not start, for now."""
    return isinstance(
        error, exception.NoFreeConductorWorker | exception.NodeLocked
    ) or database.failed(error)


# As a rule there is one conductor in a process.
_kept: weakref.WeakKeyDictionary[Any, Continuations] = (
    weakref.WeakKeyDictionary()
)


def _of(manager: Any) -> Continuations:
    return _kept.setdefault(manager, Continuations(manager))


def remembering(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a conductor remember a continuation that it refuses.

    :param method: such as ``ConductorManager.continue_node_clean``; called by
        the RPC thread
    """

    @functools.wraps(method)
    def wrapper(self: Any, context: Any, node_id: str) -> Any:
        try:
            return method(self, context, node_id)
        except Exception as e:
            if _is_refusal(e):
                LOG.info(
                    '%s of node %s was refused (%s); the conductor tries '
                    'again while the node waits',
                    *(method.__name__, node_id, redaction.redacted(e)),
                )
                _of(self).remember(context, node_id, _Refused(method))
            raise

    return wrapper


def collecting(method: Callable[..., Any]) -> Callable[..., Any]:
    """Add the pass that retries to the periodic tasks of a conductor.

    :param method: ``ConductorManager._collect_periodic_tasks``; called by the
        thread that starts the conductor
    """

    @functools.wraps(method)
    def wrapper(self: Any, admin_context: Any) -> Any:
        result = method(self, admin_context)
        self._periodic_tasks.add(
            _of(self).continue_refused_nodes, admin_context
        )
        return result

    return wrapper


def forgetting(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Forget a node when its provision state changes.

    The node may wait in the same state again, for something else. Its row
    does not tell: a heartbeat, too, sets ``provision_updated_at``.

    :param emit: ``emit_provision_set_notification``; called by any thread
        that changes a state
    """

    @functools.wraps(emit)
    def wrapper(task: Any, *args: Any, **kwargs: Any) -> Any:
        for continuations in list(_kept.values()):
            continuations.forget(task.node.uuid)
        return emit(task, *args, **kwargs)

    return wrapper


def lending(acquire: Callable[..., Any]) -> Callable[..., Any]:
    """Let a retry keep the lock under which it has checked its node.

    :param acquire: ``task_manager.acquire``; called by any thread
    """

    @functools.wraps(acquire)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        tasks = _lent.get([])
        return tasks.pop() if tasks else acquire(*args, **kwargs)

    return wrapper
