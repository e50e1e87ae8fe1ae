# SPDX-License-Identifier: Apache-2.0
"""Actors take turns, and time is what the schedule says."""

from concurrent import futures
from unittest import mock

from oslotest import base

from laboratory.faults import schedule


class ScheduleTestCase(base.BaseTestCase):
    """What actors do becomes lines."""

    def setUp(self):
        super().setUp()
        self.plan = schedule.Schedule()
        self.lines = []
        _, (_, _, self.threading) = schedule.stand_ins(self.plan)

    def note(self, text):
        """Note what an actor does, and when."""
        self.lines.append(f'{self.plan.now:g} {text}')

    def sleeper(self, name, *seconds):
        """Add an actor that sleeps again and again."""

        def sleep():
            for each in seconds:
                self.note(name)
                self.plan.sleep(each)
            self.note(f'{name} ends')

        self.plan.start(name, sleep)

    def test_an_actor_runs_until_it_sleeps(self):
        self.sleeper('a', 2, 2)
        self.sleeper('b', 3)
        self.assertEqual([], self.plan.run(100))
        self.assertEqual(
            ['0 a', '0 b', '2 a', '3 b ends', '4 a ends'], self.lines
        )

    def test_who_never_ends_is_named(self):
        self.plan.start('stuck', lambda: self.plan.wait(lambda: False))
        self.sleeper('a', 1)
        self.assertEqual(['stuck'], self.plan.run(100))

    def test_another_actor_can_be_let_run_at_once(self):
        def work():
            self.note('before')
            self.plan.let(self.plan.start('b', lambda: self.note('b')))
            self.note('after')

        self.plan.start('a', work)
        self.plan.run(100)
        self.assertEqual(['0 before', '0 b', '0 after'], self.lines)

    def test_a_lock_has_one_owner(self):
        lock = self.threading.Lock()

        def work(name):
            with lock:
                self.note(name)
                self.plan.sleep(1)

        for name in 'ab':
            self.plan.start(name, lambda name=name: work(name))
        self.plan.run(100)
        self.assertEqual(['0 a', '1 b'], self.lines)

    def test_waits_end_with_their_time_or_what_they_wait_for(self):
        condition, ready = self.threading.Condition(), []
        event = self.threading.Event()
        with mock.patch('concurrent.futures._base.threading', self.threading):
            future = futures.Future()

        def wait(seconds):
            with condition:
                self.note(condition.wait_for(lambda: bool(ready), seconds))
            self.note(event.wait(seconds))
            try:
                self.note(future.result(seconds))
            except futures.TimeoutError:
                self.note('none')

        def tell():
            self.plan.sleep(2)
            with condition:
                condition.notify_all()
            self.plan.sleep(1)
            with condition:
                ready.append(True)
                condition.notify_all()
            self.plan.sleep(4)
            event.set()
            self.plan.sleep(4)
            future.set_result('done')

        self.plan.start('short', lambda: wait(1))
        self.plan.start('long', lambda: wait(9))
        self.plan.start('tells', tell)
        self.plan.run(100)
        self.assertEqual(
            ['1 False', '2 False', '3 none', '3 True', '7 True', '11 done'],
            self.lines,
        )
