# SPDX-License-Identifier: Apache-2.0
"""Actors take turns, and time is what the schedule says."""

import time

from oslotest import base

from laboratory.faults import primitives
from laboratory.faults import schedule


class ScheduleTestCase(base.BaseTestCase):
    """What actors do becomes lines."""

    def setUp(self) -> None:
        super().setUp()
        self.plan = schedule.Schedule()
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Note what an actor does, and when."""
        self.lines.append(f'{self.plan.now:g} {text}')

    def sleeper(self, name: str, *seconds: float) -> None:
        """Add an actor that sleeps again and again."""

        def sleep() -> None:
            for each in seconds:
                self.note(name)
                self.plan.sleep(each)
            self.note(f'{name} ends')

        self.plan.start(name, sleep)

    def test_an_actor_runs_until_it_sleeps(self) -> None:
        self.sleeper('a', 2, 2)
        self.sleeper('b', 3)
        self.assertEqual([], self.plan.run(100))
        self.assertEqual(
            ['0 a', '0 b', '2 a', '3 b ends', '4 a ends'], self.lines
        )

    def test_nothing_really_sleeps(self) -> None:
        began = time.monotonic()
        self.sleeper('a', 1e6)
        self.plan.run(1e7)
        self.assertLess(time.monotonic() - began, 1e3)

    def test_a_wait_ends_with_its_time_or_its_condition(self) -> None:
        done: list[bool] = []

        def wait(timeout: float) -> None:
            self.note(str(self.plan.wait(lambda: bool(done), timeout)))

        def work() -> None:
            self.plan.sleep(5)
            done.append(True)

        self.plan.start('short', lambda: wait(3))
        self.plan.start('long', lambda: wait(30))
        self.plan.start('work', work)
        self.plan.run(100)
        self.assertEqual(['3 False', '5 True'], self.lines)

    def test_who_never_ends_is_named(self) -> None:
        self.plan.start('stuck', lambda: self.plan.wait(lambda: False))
        self.sleeper('a', 1)
        self.assertEqual(['stuck'], self.plan.run(100))

    def test_another_actor_can_be_let_run_at_once(self) -> None:
        def work() -> None:
            self.note('before')
            self.plan.let(self.plan.start('b', lambda: self.note('b')))
            self.note('after')

        self.plan.start('a', work)
        self.plan.run(100)
        self.assertEqual(['0 before', '0 b', '0 after'], self.lines)

    def test_a_lock_has_one_owner(self) -> None:
        lock = primitives.Threading(self.plan).Lock()

        def work(name: str) -> None:
            with lock:
                self.note(name)
                self.plan.sleep(1)

        for name in 'ab':
            self.plan.start(name, lambda name=name: work(name))
        self.plan.run(100)
        self.assertEqual(['0 a', '1 b'], self.lines)

    def test_a_condition_is_told(self) -> None:
        condition = primitives.Threading(self.plan).Condition()
        ready: list[bool] = []

        def wait() -> None:
            with condition:
                self.note(str(condition.wait_for(lambda: bool(ready), 9)))

        def tell() -> None:
            self.plan.sleep(2)
            with condition:
                ready.append(True)
                condition.notify_all()

        self.plan.start('waits', wait)
        self.plan.start('tells', tell)
        self.plan.run(100)
        self.assertEqual(['2 True'], self.lines)
