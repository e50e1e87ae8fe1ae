# SPDX-License-Identifier: Apache-2.0

import threading

from oslotest import base

from ironic_async_events.task import handover


class HandOverTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.hand_over = handover.HandOver()

    def test_only_one_of_many_threads_gets_the_task(self):
        barrier = threading.Barrier(8, timeout=30)
        claims = []

        def claim():
            barrier.wait()
            claims.append(self.hand_over.claim())

        threads = [threading.Thread(target=claim) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(1, claims.count(True))
        self.assertEqual(7, claims.count(False))

    def test_waiting_ends_when_the_state_is_saved(self):
        self.assertFalse(self.hand_over.is_saved)
        self.hand_over.saved()
        self.assertTrue(self.hand_over.is_saved)
        self.assertTrue(self.hand_over.wait(30))

    def test_a_waiting_thread_is_woken(self):
        waiting = threading.Event()
        results = []

        def wait():
            waiting.set()
            results.append(self.hand_over.wait(30))

        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait(30)
        self.hand_over.saved()
        thread.join()
        self.assertEqual([True], results)

    def test_the_error_of_the_worker_is_raised(self):
        self.hand_over.failed(ValueError('oops'))
        self.assertFalse(self.hand_over.is_saved)
        self.assertRaisesRegex(ValueError, 'oops', self.hand_over.wait, 30)

    def test_a_timeout_of_the_worker_is_an_error_like_others(self):
        self.hand_over.failed(TimeoutError('database'))
        self.assertRaises(TimeoutError, self.hand_over.wait, 30)

    def test_waiting_ends_when_the_time_is_over(self):
        self.assertFalse(self.hand_over.wait(0.01))
