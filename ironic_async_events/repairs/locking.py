# SPDX-License-Identifier: Apache-2.0
"""Replace the methods with which Ironic locks and unlocks a node.

Called by the thread that makes or ends a task.
"""

from collections.abc import Callable
import functools
from typing import Any

from ironic import objects
from ironic.common import exception
from ironic.conductor import task_manager
from oslo_config import cfg
import tenacity

from ironic_async_events.repairs import locks
from ironic_async_events.task import patched

CONF = cfg.CONF
# The lines that Ironic's own task manager writes stay where they were.
LOG = task_manager.LOG


def locking(method: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a task record its lock when the lock is taken.

    The replacement never calls the original: each attempt has to be recorded,
    and the original retries inside.

    :param method: ``TaskManager._lock``; called by the thread that makes the
        task
    :returns: the replacement
    """
    snapshot = patched.snapshot()

    @functools.wraps(method)
    def lock(self: Any) -> None:
        self._debug_timer.restart()
        conf = CONF.conductor
        limit = conf.node_locked_retry_attempts if self._retry else 1
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(exception.NodeLocked),
            stop=(
                tenacity.stop_never
                if self._patient
                else tenacity.stop_after_attempt(limit)
            ),
            wait=tenacity.wait_fixed(conf.node_locked_retry_interval),
            reraise=True,
        )(_reserve, self)
        if snapshot is not None:
            # What a patched Ironic takes a refused request back to.
            self._snapshot = snapshot.Snapshot(self.node)

    return lock


def _reserve(task: Any) -> None:
    """Ask for a lock once, with the log lines of Ironic."""
    conf = CONF.conductor
    seconds = task._debug_timer.elapsed()
    if seconds > (
        conf.node_locked_retry_interval * conf.node_locked_retry_attempts
    ):
        LOG.warning(
            'We have exceeded the normal maximum time window '
            'to complete a node lock attempting to reserve '
            'node %(node)s for purpose %(purpose)s. At '
            '%(time).2f seconds.',
            {
                'node': task.node_id,
                'purpose': task._purpose,
                'time': seconds,
            },
        )
    task.node = locks.RESERVATIONS.ask(
        task,
        lambda: objects.Node.reserve(task.context, CONF.host, task.node_id),
    )
    LOG.debug(
        'Node %(node)s successfully reserved for %(purpose)s '
        '(took %(time).2f seconds)',
        {
            'node': task.node.uuid,
            'purpose': task._purpose,
            'time': task._debug_timer.elapsed(),
        },
    )
    task._debug_timer.restart()


def downgrading(method: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a task give back only its own lock.

    :param method: ``TaskManager.downgrade_lock``
    :returns: the replacement
    """

    @functools.wraps(method)
    def downgrade_lock(self: Any) -> None:
        if _is_locked(self):
            locks.RESERVATIONS.give_back(self, functools.partial(method, self))
        else:
            method(self)

    return downgrade_lock


def releasing(method: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a task release only its own lock, and retry on database errors.

    :param method: ``TaskManager.release_resources``; called by the thread
        that ends the task
    :returns: the replacement; it raises DBError when the database stays away
    """

    @functools.wraps(method)
    def release_resources(self: Any) -> None:
        if _is_locked(self):
            locks.RESERVATIONS.release(self, functools.partial(method, self))
        else:
            method(self)

    return release_resources


def _is_locked(task: Any) -> bool:
    return task.node is not None and not task.shared
