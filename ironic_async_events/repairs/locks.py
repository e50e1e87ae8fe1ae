# SPDX-License-Identifier: Apache-2.0
"""Remember which task of this process holds the lock of which node.

Ironic writes the name of the conductor into a locked node, not the task. So
the database cannot distinguish two tasks of the same conductor. When an
answer of the database is lost, only the process knows which task holds the
lock. A task releases only its own lock.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import threading
from typing import Any
import weakref

from ironic import objects
from ironic.common import exception
from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_log import log as logging

from ironic_async_events import redaction
from ironic_async_events.task import database

# How long a release waits for statements that ask for the same lock. Most are
# answered sooner; a statement that hangs must not delay the release.
_MOMENT = 0.1
# How long it waits when one of them may have got the lock.
_PATIENCE = 10.0

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

_here = threading.local()


@contextlib.contextmanager
def asking(task: Any) -> Iterator[None]:
    """Note which task asks for a lock in this thread."""
    _here.task = task
    try:
        yield
    finally:
        _here.task = None


class Reservations:
    """The tasks that hold a lock, and the statements that ask for a lock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # The tasks that hold a lock, by the UUID of the node.
        self._holders: weakref.WeakValueDictionary[str, Any] = (
            weakref.WeakValueDictionary()
        )
        # Each statement on its way that asks for a lock: the name, number or
        # UUID of the node.
        self._asking: dict[object, str] = {}
        # Statements for which nobody waits any more.
        self._late: set[object] = set()
        # No task may ask for these nodes now: UUID, number and name of each.
        self._closed: list[frozenset[str]] = []

    def ask(self, reserve: Callable[[], Any]) -> Any:
        """Ask for a lock once; an error leaves no lock behind.

        Called by the thread that makes the task, within :func:`asking`. A
        lock that is for no task is not recorded.

        :param reserve: Ironic's statements; they return the locked node
        :raises NodeLocked: when another task holds the lock
        """
        task = getattr(_here, 'task', None)
        if task is None:
            return reserve()
        try:
            return self._ask(task, reserve)
        except exception.NodeNotFound:
            raise
        except exception.NodeLocked:
            # Perhaps no task holds this lock, because its release gave up.
            if str(task.node_id) in self._holders or not self._clear(task):
                raise
        except Exception:
            # The lock may be taken, and only the answer lost.
            self._clear(task)
            raise
        return self._ask(task, reserve)

    def _ask(self, task: Any, reserve: Callable[[], Any]) -> Any:
        name = str(task.node_id)
        statement = object()
        with self._changed:
            self._changed.wait_for(
                lambda: not any(name in names for names in self._closed)
            )
            self._asking[statement] = name
        try:
            node = reserve()
            with self._changed:
                if statement in self._late:
                    # The lock may have been released meanwhile.
                    raise db_exception.DBConnectionError(
                        RuntimeError('the answer of the database was late')
                    )
                self._holders[node.uuid] = task
            return node
        finally:
            with self._changed:
                del self._asking[statement]
                self._late.discard(statement)
                self._changed.notify_all()

    def give_back(self, task: Any, release: Callable[[], None]) -> None:
        """Release the lock of a task, unless another task holds it.

        :param release: Ironic's method; releases no lock when ``shared`` is
            set on the task
        :raises NodeLocked: when another conductor holds the lock
        :raises NodeNotLocked: when the node is not locked
        """
        with self._closing(task.node, _MOMENT):
            self._release(task, release)

    def _release(self, task: Any, release: Callable[[], None]) -> None:
        uuid = task.node.uuid
        if self._holders.get(uuid, task) is not task:
            LOG.warning(
                'The lock of node %s was taken away from a task (%s); another '
                'task has it now',
                *(uuid, task._purpose),
            )
            task.shared = True
        release()
        with self._changed:
            if self._holders.get(uuid) is task:
                del self._holders[uuid]

    def release(self, task: Any, release: Callable[[], None]) -> None:
        """Release the lock of a task; retry while the database fails.

        Called by the thread that ends the task.

        :param release: as in :meth:`give_back`
        :raises DBError: when the database does not come back in time; the
            lock is released when the next task asks for it
        """
        uuid = task.node.uuid
        try:
            try:
                self.give_back(task, release)
            except Exception as e:
                if not database.failed(e):
                    raise
                database.retry_until_answered(
                    self._give_back_again, task, release
                )
        finally:
            with self._changed:
                if self._holders.get(uuid) is task:
                    del self._holders[uuid]

    def _give_back_again(self, task: Any, release: Callable[[], None]) -> None:
        # The statement before may have released the lock: another task may
        # have it by now.
        try:
            with self._closing(task.node, _PATIENCE):
                self._release(task, release)
        except (exception.NodeLocked, exception.NodeNotLocked):
            # The lock was released, and only the answer lost.
            task.shared = True
            release()

    @contextlib.contextmanager
    def _closing(self, node: Any, seconds: float) -> Iterator[None]:
        """Keep all tasks from asking for the lock of a node meanwhile.

        :param seconds: how long to wait for those that ask already
        """
        names = frozenset(map(str, (node.uuid, node.id, node.name)))
        with self._changed:
            self._changed.wait_for(
                lambda: not any(names & other for other in self._closed)
            )
            self._closed.append(names)
            self._changed.wait_for(
                lambda: names.isdisjoint(self._asking.values()), seconds
            )
            if seconds == _PATIENCE:
                self._late |= {
                    statement
                    for statement, name in self._asking.items()
                    if name in names
                }
        try:
            yield
        finally:
            with self._changed:
                self._closed.remove(names)
                self._changed.notify_all()

    def _clear(self, task: Any) -> bool:
        """Release a lock that no task holds; return whether there was one.

        :param task: the task that asked for the lock
        """
        try:
            return database.retry_until_answered(self._clear_once, task)
        except exception.NodeNotFound:
            pass
        except Exception as e:
            LOG.error(
                'Node %(node)s may still be locked by this conductor, which '
                'does not use it: the database failed while the lock was '
                'asked for (%(error)s). The lock is released when it is '
                'asked for again.',
                {'node': task.node_id, 'error': redaction.describe(e)},
            )
        return False

    def _clear_once(self, task: Any) -> bool:
        with database.causal():
            node = objects.Node.get(task.context, task.node_id)
        if node.reservation != CONF.host:
            return False
        with self._closing(node, _PATIENCE):
            if node.uuid in self._holders:
                return False
            try:
                objects.Node.release(task.context, CONF.host, node.id)
            except (exception.NodeLocked, exception.NodeNotLocked):
                return False
        LOG.warning(
            'Node %s is unlocked: it was locked by this conductor, but no '
            'task has the lock. The database failed when it was taken or '
            'released.',
            node.uuid,
        )
        return True


RESERVATIONS = Reservations()
"""The reservations of this process."""
