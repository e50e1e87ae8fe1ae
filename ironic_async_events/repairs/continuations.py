# SPDX-License-Identifier: Apache-2.0
"""Retry the continuation of a node that the conductor refused.

A driver casts ``continue_node_clean`` and the like once, and gets no answer.
When there is no worker, the node keeps waiting for a step that has ended.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import contextvars
import itertools
import threading
import time
from typing import Any
import weakref

import futurist
from ironic.common import exception
from ironic.conductor import task_manager
from ironic.objects import node as node_object
from oslo_config import cfg
from oslo_log import log as logging
import tenacity
import wrapt

from ironic_async_events.task import database

CONF = cfg.CONF
# Operators know the lines of a continuation by the name of the manager.
LOG = logging.getLogger('ironic.conductor.manager')

SPACING = 10
"""Seconds between two passes."""

_BACK_OFF = tenacity.Retrying(
    wait=tenacity.wait_exponential(multiplier=SPACING, max=60)
)

# The task that the method of a retry has to use.
_lent: contextvars.ContextVar[list[Any] | None] = contextvars.ContextVar(
    'lent', default=None
)


class Refused:
    """A continuation that was refused.

    :param method: the method of the conductor
    :ivar call: counts the attempts
    :ivar due: when the next attempt may be made
    :ivar seen: what the node waits for; None when the database was away
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.call = tenacity.RetryCallState(_BACK_OFF, None, (), {})
        self.seen: _Wait | None = None
        self.back_off()

    def back_off(self) -> None:
        """Wait longer before the next attempt."""
        self.due = time.monotonic() + _BACK_OFF.wait(self.call)
        self.call.prepare_for_next_attempt()


class _Wait:
    """What a node waits for.

    :param node: the node
    """

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

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nodes: dict[str, Refused] = {}

    def remember(self, context: Any, uuid: str, refused: Refused) -> None:
        """Remember a refused continuation.

        Called by the thread that was refused, when the node is unlocked.

        :param context: for the database
        :param uuid: the node
        :param refused: the continuation
        """
        with self._lock:
            self._nodes[uuid] = refused
        # The node is read afterwards: a change of its state is either read,
        # or makes the conductor forget the node.
        try:
            refused.seen = _Wait(node_object.Node.get_by_uuid(context, uuid))
        except Exception as e:
            LOG.debug('Node %s cannot be read: %s', uuid, database.redacted(e))

    def forget(self, uuid: str) -> None:
        """Forget a node. Called by any thread."""
        with self._lock:
            self._nodes.pop(uuid, None)

    def run_pass(self, manager: Any, context: Any) -> None:
        """Ask for a worker for each node that is due.

        Without a worker nothing is written, and the pass ends. Called by the
        thread of the periodic task.

        :param manager: Ironic's ``ConductorManager``
        :param context: the context of the periodic task
        """
        now = time.monotonic()
        with self._lock:
            due = [item for item in self._nodes.items() if item[1].due <= now]
        due.sort(key=lambda item: item[1].due)
        limit = CONF.conductor.periodic_max_workers
        for uuid, refused in itertools.islice(due, limit):
            refused.back_off()
            try:
                manager._spawn_worker(
                    self._retry, manager, context, uuid, refused
                )
            except Exception as e:
                LOG.debug('Node %s is not continued yet: %s', uuid, e)
                return

    def _retry(
        self, manager: Any, context: Any, uuid: str, refused: Refused
    ) -> None:
        """Continue a node if it waits for the same. Called by a worker."""
        try:
            with _lending(
                task_manager.acquire(
                    context,
                    uuid,
                    shared=False,
                    retry=False,
                    purpose='retry of a refused continuation',
                )
            ) as node:
                if self._take(manager, node, refused):
                    self._continue(manager, context, uuid, refused)
        except exception.NodeNotFound:
            self.forget(uuid)
        except Exception as e:
            error = database.redacted(e)
            LOG.debug('Node %s is not continued yet: %s', uuid, error)

    def _take(self, manager: Any, node: Any, refused: Refused) -> bool:
        """Forget a locked node; return whether it waits for the same."""
        if node.maintenance:
            return False
        here = manager._mapped_to_this_conductor(
            node.uuid, node.driver, node.conductor_group
        )
        with self._lock:
            if self._nodes.get(node.uuid) is not refused:
                return False
            del self._nodes[node.uuid]
        return _Wait(node).is_same(refused.seen, here)

    def _continue(
        self, manager: Any, context: Any, uuid: str, refused: Refused
    ) -> None:
        LOG.info(
            'Node %(node)s is continued, attempt %(number)d of %(method)s',
            {
                'node': uuid,
                'number': refused.call.attempt_number - 1,
                'method': refused.method.__name__,
            },
        )
        try:
            refused.method(_WithWorker(manager), context, uuid)
        except Exception as e:
            error = database.redacted(e)
            LOG.warning('Node %s was not continued: %s', uuid, error)
            if is_refusal(e):
                self.remember(context, uuid, refused)


class _WithWorker(wrapt.ObjectProxy):  # type: ignore[misc]
    """The conductor, which has a worker: the calling thread.

    :param manager: Ironic's ``ConductorManager``
    """

    def _spawn_worker(
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """See Ironic; returns when the function has ended."""
        return futurist.SynchronousExecutor().submit(func, *args, **kwargs)


@contextlib.contextmanager
def _lending(task: Any) -> Iterator[Any]:
    """Lend a task to the method that is called; release an unused task.

    :returns: the node of the task
    """
    tasks = [task]
    token = _lent.set(tasks)
    try:
        yield task.node
    finally:
        _lent.reset(token)
        for unused in tasks:
            unused.release_resources()


def lent() -> Any:
    """Take the task that was lent to this thread, if there is one."""
    tasks = _lent.get()
    return tasks.pop() if tasks else None


def is_refusal(error: BaseException) -> bool:
    """Return whether a continuation could not start, for now.

    :param error: what the method of the conductor raised
    """
    return isinstance(
        error, exception.NoFreeConductorWorker | exception.NodeLocked
    ) or database.failed(error)


# As a rule there is one conductor in a process.
_kept: weakref.WeakKeyDictionary[Any, Continuations] = (
    weakref.WeakKeyDictionary()
)


def of(manager: Any) -> Continuations:
    """Return the continuations that a conductor has refused.

    :param manager: Ironic's ``ConductorManager``
    """
    return _kept.setdefault(manager, Continuations())


def forget(uuid: str) -> None:
    """Forget a node in every conductor of this process.

    :param uuid: the node
    """
    for continuations in list(_kept.values()):
        continuations.forget(uuid)
