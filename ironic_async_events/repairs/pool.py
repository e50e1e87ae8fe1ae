# SPDX-License-Identifier: Apache-2.0
"""Make a pool of workers recover from a shortage of threads or workers."""

from collections.abc import Callable
import functools
from typing import Any

import futurist
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def recovering(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make the pools of a conductor recover from two kinds of shortage.

    futurist adds a worker to its pool before it starts the thread. When the
    operating system refuses the thread, the worker stays in the pool and
    counts as busy for good. With enough such workers the pool rejects all
    work, even when there are threads again.

    Ironic rejects work when the pool has its maximum of threads, busy or
    idle. futurist drops idle threads only when it accepts work. So a pool
    that was full once would reject all work until the conductor is restarted.

    :param method: ``ConductorManager._init_executors``; called by the thread
        that starts the conductor
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        for executor in (self._executor, self._reserved_executor):
            recover(executor)
        return result

    return wrapper


def recover(executor: Any) -> None:
    """Make a pool recover, if it is a pool of native threads."""
    if isinstance(executor, futurist.ThreadPoolExecutor):
        guard(executor)
        admit(executor)


def guard(executor: futurist.ThreadPoolExecutor) -> None:
    """Make a pool forget a worker whose thread could not be started.

    Ironic submits work in several places; all of them reach the method that
    adds a thread.
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
    """Make a pool accept work whenever it has an idle thread.

    Work that the pool's own check accepts is accepted as before.
    """
    check = executor._check_and_reject
    work = executor._work_queue

    @functools.wraps(check)
    def check_work(pool: Any, backlog: int) -> None:
        # Called under the lock of the pool.
        try:
            check(pool, backlog)
        except futurist.RejectedSubmission:
            # Waiting and running work; under the lock it only decreases.
            if work.unfinished_tasks >= pool._max_workers:
                raise

    executor._check_and_reject = check_work


def _forget_unstarted(workers: list[Any]) -> None:
    for worker in [w for w in workers if w.ident is None]:
        workers.remove(worker)
        # At exit futurist joins every worker that is still referenced, and a
        # thread that never started cannot be joined.
        worker.join = lambda timeout=None: None
    LOG.warning(
        'The operating system could not start a worker; the pool has %d',
        len(workers),
    )
