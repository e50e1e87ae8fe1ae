# SPDX-License-Identifier: Apache-2.0

import threading
from unittest import mock

import futurist
from ironic.common import exception
from ironic.conductor import base_manager
from oslotest import base

from ironic_async_events import pool
from ironic_async_events.tests.unit import base as async_base


def no_thread(self):
    raise RuntimeError("can't start new thread")


class Conductor:
    """As much of a conductor manager as spawning needs."""

    spawn_stock = base_manager.BaseConductorManager._spawn_worker
    spawn = pool.recovering(spawn_stock)

    def __init__(self, executor):
        self._executor = executor
        self._reserved_executor = None


class PoolTestCase(base.BaseTestCase):
    def executor(self, size):
        executor = futurist.DynamicThreadPoolExecutor(
            max_workers=size,
            check_and_reject=base_manager.reject_when_reached(size),
        )
        self.addCleanup(executor.shutdown)
        self.addCleanup(pool.forget_unstarted, executor)
        return executor

    def refuse_threads(self, spawn, times):
        """Ask for workers while the system has no thread to give."""
        with mock.patch.object(threading.Thread, 'start', no_thread):
            for _ in range(times):
                # Once the pool counts as full, it is another error.
                self.assertRaises(
                    (RuntimeError, exception.NoFreeConductorWorker),
                    spawn,
                    lambda: None,
                )

    def test_stock_is_full_for_good(self):
        conductor = Conductor(self.executor(4))
        self.refuse_threads(conductor.spawn_stock, 8)
        self.assertEqual(4, conductor._executor.num_workers)
        self.assertRaises(
            exception.NoFreeConductorWorker,
            conductor.spawn_stock,
            lambda: None,
        )

    def test_a_pool_recovers_when_there_are_threads_again(self):
        conductor = Conductor(self.executor(4))
        self.refuse_threads(conductor.spawn, 8)
        self.assertEqual(0, conductor._executor.num_workers)
        future = conductor.spawn(lambda: 'worked')
        self.assertEqual('worked', future.result(async_base.PATIENCE))

    def test_workers_that_run_are_kept(self):
        executor = self.executor(4)
        gate = async_base.Gate()
        self.addCleanup(gate.open)
        conductor = Conductor(executor)
        conductor.spawn(gate.pass_through)
        gate.wait_for_arrival()
        self.refuse_threads(conductor.spawn, 8)
        self.assertEqual(1, executor.num_workers)

    def test_the_error_stays_what_it_was(self):
        conductor = Conductor(self.executor(4))
        with mock.patch.object(threading.Thread, 'start', no_thread):
            self.assertRaisesRegex(
                RuntimeError, "can't start", conductor.spawn, lambda: None
            )

    def test_other_pools_are_left_alone(self):
        for executor in (None, object(), futurist.SynchronousExecutor()):
            self.assertEqual(0, pool.forget_unstarted(executor))
