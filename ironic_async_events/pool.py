# SPDX-License-Identifier: Apache-2.0
"""A pool of workers that recovers when the system gives threads again."""

from collections.abc import Callable
import functools
from typing import Any

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def recovering(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have a conductor forget the workers that could not be started.

    futurist adds a worker to its pool before it starts the thread. When the
    system refuses the thread, the worker stays, counts as busy for good, and
    with enough of them every request is turned away, whatever the system
    gives later.

    :param method: ``ConductorManager._spawn_worker``; called by any thread
        that wants a worker
    :returns: the method that takes its place
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except RuntimeError:
            for name in ('_executor', '_reserved_executor'):
                forget_unstarted(getattr(self, name, None))
            raise

    return wrapper


def forget_unstarted(executor: Any) -> int:
    """Remove workers whose thread never started from a pool.

    :param executor: one of futurist's; pools without threads (eventlet's)
        are left alone
    :returns: how many were removed
    """
    workers = getattr(executor, '_workers', None)
    lock = getattr(executor, '_shutdown_lock', None)
    if not isinstance(workers, list) or lock is None:
        return 0
    with lock:
        unstarted = [w for w in executor._workers if w.ident is None]
        for worker in unstarted:
            executor._workers.remove(worker)
            # futurist joins at exit whatever somebody still refers to, and
            # a thread that never started cannot be joined.
            worker.join = _nothing_to_join
    if unstarted:
        LOG.warning(
            '%d worker(s) could not be started by the operating system and '
            'are not counted any more',
            len(unstarted),
        )
    return len(unstarted)


def _nothing_to_join(timeout: float | None = None) -> None:
    pass
