# SPDX-License-Identifier: Apache-2.0
"""A pool of workers that recovers when the system gives threads again."""

from collections.abc import Callable
import functools
from typing import Any

import futurist
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def recovering(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have the pools of a conductor recover from two kinds of shortage.

    futurist adds a worker to its pool before it starts the thread. When the
    system refuses the thread, the worker stays, counts as busy for good, and
    with enough of them every request is turned away, whatever the system
    gives later.

    Ironic turns work away when the pool has its most threads, busy or idle,
    and futurist drops idle threads only when it takes work: a pool that was
    full once would turn everything away until the conductor is restarted.

    :param method: ``ConductorManager._init_executors``; called by the thread
        that starts the conductor
    :returns: the method that takes its place
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        for executor in (self._executor, self._reserved_executor):
            recover(executor)
        return result

    return wrapper


def recover(executor: Any) -> None:
    """Have one pool recover.

    :param executor: the pool; one without threads of the system is left
        alone, as they cannot be refused to it (eventlet's pools, None)
    """
    if isinstance(executor, futurist.ThreadPoolExecutor):
        guard(executor)
        admit(executor)


def guard(executor: futurist.ThreadPoolExecutor) -> None:
    """Have one pool forget a worker that could not be started.

    Ironic and its periodic tasks hand work to the pool in several places;
    all of them come to the method that adds a thread.

    :param executor: the pool
    """
    add_thread = executor._add_thread

    @functools.wraps(add_thread)
    def add_or_forget() -> None:
        # Called under the lock of the pool.
        try:
            add_thread()
        except RuntimeError:
            _forget_unstarted(executor._workers)
            raise

    executor._add_thread = add_or_forget


def admit(executor: futurist.ThreadPoolExecutor) -> None:
    """Have one pool take work whenever it has a thread for it.

    What the pool's own check lets in is let in as before.

    :param executor: the pool
    """
    check = executor._check_and_reject
    work = executor._work_queue

    @functools.wraps(check)
    def check_work(pool: Any, backlog: int) -> None:
        # Called under the lock of the pool, which whoever adds work holds.
        try:
            check(pool, backlog)
        except futurist.RejectedSubmission:
            # What waits and what runs; it can only have become less since.
            if work.unfinished_tasks >= pool._max_workers:
                raise

    executor._check_and_reject = check_work


def _forget_unstarted(workers: list[Any]) -> None:
    for worker in [w for w in workers if w.ident is None]:
        workers.remove(worker)
        # futurist joins at exit what somebody still refers to, and a thread
        # that never started cannot be joined.
        worker.join = _nothing_to_join
    LOG.warning(
        'The operating system could not start a worker; the pool has %d',
        len(workers),
    )


def _nothing_to_join(timeout: float | None = None) -> None:
    pass
