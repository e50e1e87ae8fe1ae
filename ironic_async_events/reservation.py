# SPDX-License-Identifier: Apache-2.0
"""Locks that an error of the database would leave behind.

Ironic asks for the lock of a node once, and gives it back once. When the
database goes away in between, the node stays locked by a conductor that knows
nothing of it, until that conductor is restarted.
"""

from collections.abc import Callable
import threading
from typing import Any
import weakref

from ironic import objects
from ironic.common import exception
from oslo_config import cfg
from oslo_db import api as db_api
from oslo_db import exception as db_exception
from oslo_log import log as logging

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# Again after 1, 2, 4, 8 and 10 seconds: a database that is restarted is back
# by then.
_retry = db_api.wrap_db_retry(
    max_retries=5,
    exception_checker=lambda e: isinstance(e, db_exception.DBError),
)


class Reservations:
    """The tasks of a process that have a lock, or ask for one."""

    def __init__(self) -> None:
        self._tasks: weakref.WeakSet[Any] = weakref.WeakSet()
        self._mutex = threading.Lock()

    def ask(self, task: Any, lock: Callable[[], None]) -> None:
        """Ask for a lock, and leave none behind that the task does not have.

        :param task: the task that asks
        :param lock: Ironic's own way to ask
        :raises Exception: what ``lock`` raises
        """
        with self._mutex:
            self._tasks.add(task)
        try:
            lock()
        except Exception as e:
            self._forget(task)
            if isinstance(e, db_exception.DBError):
                # It may have been given; only the answer did not come.
                self._clear(task)
            raise

    def release(self, task: Any, release: Callable[[], None]) -> None:
        """Give a lock back, again and again while the database is away.

        :param task: the task that has it
        :param release: Ironic's own way to give it back
        :raises DBError: when the database does not come back in time
        :raises Exception: what else ``release`` raises
        """
        failed = False

        def attempt() -> None:
            nonlocal failed
            try:
                release()
            except db_exception.DBError:
                failed = True
                raise
            except (exception.NodeLocked, exception.NodeNotLocked):
                if not failed:
                    raise
                # It had been given back; only the answer did not come. There
                # is nothing more to do than with a task that has no lock.
                task.shared = True
                release()

        try:
            _retry(attempt)()
        finally:
            self._forget(task)

    def _forget(self, task: Any) -> None:
        with self._mutex:
            self._tasks.discard(task)

    def _clear(self, task: Any) -> None:
        """Take a lock away that nobody has."""
        try:
            _retry(self._clear_once)(task)
        except exception.NodeNotFound:
            pass
        except Exception:
            LOG.exception(
                'Node %(node)s may still be locked by this conductor, which '
                'does not use it: the database failed while the lock was '
                'asked for. A restart of the conductor unlocks it.',
                {'node': task.node_id},
            )

    def _clear_once(self, task: Any) -> None:
        # Nobody begins to ask in the meantime.
        with self._mutex:
            node = objects.Node.get(task.context, task.node_id)
            if node.reservation != CONF.host:
                return
            names = (node.uuid, node.id, node.name)
            others = [one for one in self._tasks if one.node_id in names]
            if any(one.node is not None and not one.shared for one in others):
                return
            if others:
                # One of them may have got it: to be seen a moment later.
                raise db_exception.RetryRequest(
                    exception.NodeLocked(node=node.uuid, host=CONF.host)
                )
            objects.Node.release(task.context, CONF.host, node.id)
        LOG.warning(
            'Node %(node)s is unlocked: it was locked when the database '
            'failed, and the task that had asked for the lock is over.',
            {'node': node.uuid},
        )


RESERVATIONS = Reservations()
"""Those of this process."""
