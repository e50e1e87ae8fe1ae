# SPDX-License-Identifier: Apache-2.0

import threading
import unittest
from unittest import mock

import futurist
from ironic.common import exception
from ironic.conductor import base_manager
from oslotest import base

from ironic_async_events.repairs import pool
from ironic_async_events.tests.unit import base as async_base


def no_thread(self):
    raise RuntimeError("can't start new thread")


class Conductor(base_manager.BaseConductorManager):
    """As much of a conductor as spawning needs."""

    def __init__(self, size):
        self._init_executors(size)

    def _init_executors(self, size):
        self._executor = futurist.DynamicThreadPoolExecutor(
            max_workers=size,
            check_and_reject=base_manager.reject_when_reached(size),
        )
        self._reserved_executor = None


class RecoveringConductor(Conductor):
    _init_executors = pool.recovering(Conductor._init_executors)


@unittest.skipUnless(
    hasattr(base_manager, 'reject_when_reached'),
    'this Ironic has a pool of green threads, which cannot be refused',
)
class PoolTestCase(base.BaseTestCase):
    def conductor(self, cls=RecoveringConductor):
        conductor = cls(4)
        self.addCleanup(conductor._executor.shutdown)
        self.addCleanup(pool._forget_unstarted, conductor._executor._workers)
        return conductor

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
        conductor = self.conductor(Conductor)
        self.refuse_threads(conductor._spawn_worker, 8)
        self.assertEqual(4, conductor._executor.num_workers)
        self.assertRaises(
            exception.NoFreeConductorWorker,
            conductor._spawn_worker,
            lambda: None,
        )

    def test_a_pool_recovers_when_there_are_threads_again(self):
        conductor = self.conductor()
        self.refuse_threads(conductor._spawn_worker, 8)
        self.assertEqual(0, conductor._executor.num_workers)
        future = conductor._spawn_worker(lambda: 'worked')
        self.assertEqual('worked', future.result(async_base.PATIENCE))

    def test_it_does_not_matter_who_asks_for_the_thread(self):
        # Periodic tasks submit to the pool without the conductor.
        conductor = self.conductor()
        self.refuse_threads(conductor._executor.submit, 8)
        self.assertEqual(0, conductor._executor.num_workers)

    def test_workers_that_run_are_kept(self):
        conductor = self.conductor()
        gate = async_base.Gate()
        self.addCleanup(gate.open)
        conductor._spawn_worker(gate.pass_through)
        gate.wait_for_arrival()
        self.refuse_threads(conductor._spawn_worker, 8)
        self.assertEqual(1, conductor._executor.num_workers)

    def test_the_error_stays_what_it_was(self):
        conductor = self.conductor()
        with mock.patch.object(threading.Thread, 'start', no_thread):
            self.assertRaisesRegex(
                RuntimeError,
                "can't start",
                conductor._spawn_worker,
                lambda: None,
            )

    def test_other_pools_are_left_alone(self):
        for executor in (None, object(), futurist.SynchronousExecutor()):
            before = dict(getattr(executor, '__dict__', {}))
            pool.recover(executor)
            self.assertEqual(before, getattr(executor, '__dict__', {}))

    def fill(self, conductor):
        """Keep every worker busy, and open the door when the test says so."""
        door = threading.Event()
        self.addCleanup(door.set)
        for _ in range(4):
            # One after the other: stock wants no work to be queued.
            arrived = threading.Event()
            conductor._spawn_worker(
                lambda one=arrived: one.set() or door.wait()
            )
            self.assertTrue(arrived.wait(async_base.PATIENCE))
        self.assertEqual(4, conductor._executor.num_workers)
        self.assertRaises(
            exception.NoFreeConductorWorker,
            conductor._spawn_worker,
            lambda: None,
        )
        return door

    def test_stock_turns_work_away_when_all_workers_are_idle_again(self):
        conductor = self.conductor(Conductor)
        self.fill(conductor).set()
        conductor._executor._work_queue.join()
        self.assertRaises(
            exception.NoFreeConductorWorker,
            conductor._spawn_worker,
            lambda: None,
        )

    def test_a_pool_that_was_full_takes_work_again(self):
        conductor = self.conductor()
        self.fill(conductor).set()
        conductor._executor._work_queue.join()
        for _ in range(8):
            future = conductor._spawn_worker(lambda: 'worked')
            self.assertEqual('worked', future.result(async_base.PATIENCE))
            conductor._executor._work_queue.join()
