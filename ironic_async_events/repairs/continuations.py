# SPDX-License-Identifier: Apache-2.0
"""Retry the continuation of a node that the conductor refused.

A driver casts ``continue_node_clean`` and the like once, and gets no answer.
When there is no worker, the node keeps waiting for a step that has ended.
"""

import collections
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
from ironic_async_events.repairs.waits import SPACING
from ironic_async_events.repairs.waits import Refused
from ironic_async_events.repairs.waits import Wait
from ironic_async_events.task import database

CONF = cfg.CONF
# Operators know the lines of a continuation by the name of the manager.
LOG = logging.getLogger('ironic.conductor.manager')

# The task that the method of a retry has to use.
_lent: contextvars.ContextVar[list[Any]] = contextvars.ContextVar('lent')


class Continuations:
    """The continuations that a conductor has refused, one for each node."""

    def __init__(self, manager: Any) -> None:
        self._manager = weakref.proxy(manager)
        self._lock = threading.Lock()
        self._nodes: dict[str, Refused] = {}
        # Those whose turn it is in this pass.
        self._due: collections.deque[tuple[str, Refused]] = collections.deque()

    def remember(self, context: Any, uuid: str, refused: Refused) -> None:
        """Remember a refused continuation.

        Called by the thread that was refused, when the node is unlocked.
        """
        with self._lock:
            self._nodes[uuid] = refused
        # The node is read afterwards: a change of its state is either read,
        # or makes the conductor forget the node.
        try:
            refused.seen = Wait(node_object.Node.get_by_uuid(context, uuid))
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
        """Ask for workers, which continue all nodes that are due.

        Without a worker nothing is written, and the pass ends. Called by the
        thread of the periodic task.
        """
        now = time.monotonic()
        with self._lock:
            due = [item for item in self._nodes.items() if item[1].due <= now]
            due.sort(key=lambda item: item[1].due)
            self._due = collections.deque(due)
        for _ in range(CONF.conductor.periodic_max_workers):
            turn = self._next()
            if turn is None:
                return
            try:
                self._manager._spawn_worker(self._retry_all, context, turn)
            except Exception as e:
                LOG.debug('Node %s is not continued yet: %s', turn[0], e)
                return

    def _next(self) -> tuple[str, Refused] | None:
        """Return the node that has been due longest, which then waits again.

        Called by any thread.
        """
        with self._lock:
            turn = self._due.popleft() if self._due else None
        if turn is not None:
            turn[1].back_off(time.monotonic())
        return turn

    def _retry_all(
        self, context: Any, turn: tuple[str, Refused] | None
    ) -> None:
        """Continue one node after the other. Called by a worker."""
        while turn is not None:
            self._retry(context, *turn)
            turn = self._next()

    def _retry(self, context: Any, uuid: str, refused: Refused) -> None:
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

    def _take(self, node: Any, refused: Refused) -> bool:
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
        return Wait(node).is_same(refused.seen, here)

    def _continue(self, context: Any, uuid: str, refused: Refused) -> None:
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

    # A patched Ironic waits for a worker, here for a second one.
    _spawn_worker_patiently = _spawn_worker


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
                refused = Refused(method, time.monotonic())
                _of(self).remember(context, node_id, refused)
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
