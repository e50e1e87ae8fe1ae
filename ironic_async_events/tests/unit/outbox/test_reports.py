# SPDX-License-Identifier: Apache-2.0
"""Tests of back-off, outage and thresholds."""

import fixtures
from oslotest import base

from ironic_async_events.outbox import breaker
from ironic_async_events.outbox import reports
from ironic_async_events.outbox import stored
from ironic_async_events.tests.unit.outbox import base as outbox_base


class PauseTestCase(base.BaseTestCase):
    def test_it_grows_to_a_bound_with_jitter(self):
        means = []
        for failures in range(1, 2000, 7):
            each = [breaker.pause(failures) for _ in range(200)]
            # Each pause is between a quarter of the first and twice the one
            # before, and the bound.
            self.assertGreaterEqual(min(each), 0.25 / 4)
            self.assertLessEqual(
                max(each), min(10, 0.25 * 2 ** min(failures - 1, 10))
            )
            self.assertGreater(len(set(each)), 100)
            means.append(sum(each) / len(each))
        self.assertLess(means[0], means[1])


class LogTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()
        self.lines = self.useFixture(outbox_base.Log()).lines


class OutageTestCase(LogTestCase):
    def test_it_is_said_once_and_once_more_when_over(self):
        one = reports.Outage('the bus', self.clock)
        for _ in range(50):
            one.failed(OSError('refused\nby a statement'))
            self.clock.now += 1
        self.assertTrue(one.lasts)
        for _ in range(3):
            one.over('; 7 messages')
        first, last = self.lines()
        self.assertIn('cannot reach the bus', first)
        self.assertTrue(first.endswith('OSError: refused'), first)
        self.assertIn('again after 50 seconds; 7 messages', last)
        self.assertFalse(one.lasts)

    def test_no_password_is_said(self):
        one = reports.Outage('the bus', self.clock)
        one.failed(OSError("no route to 'rabbit://u:s3c/ret@host'"))
        (line,) = self.lines()
        self.assertNotIn('s3c', line)

    def test_without_one_nothing_is_said(self):
        one = reports.Outage('the bus', self.clock)
        one.over()
        self.assertEqual([], self.lines())


class WatchTestCase(LogTestCase):
    def setUp(self):
        super().setUp()
        self.backlog = stored.Backlog(0, 0.0, 0)
        self.sent = []
        self.useFixture(
            fixtures.MockPatchObject(
                reports, 'send_gauge', lambda *gauge: self.sent.append(gauge)
            )
        )
        options = outbox_base.options(
            watch_interval=10,
            backlog_thresholds=[100, 10],
            age_thresholds=[60],
        )
        self.watch = reports.Watch(lambda: self.backlog, options, self.clock)

    def look(self, count, seconds=0.0):
        self.backlog = stored.Backlog(count, seconds, 3)
        self.watch.look()
        self.clock.now += 10

    def test_a_threshold_is_logged_when_it_is_passed(self):
        for count in (9, 10, 11, 50, 150, 120, 11, 9, 9):
            self.look(count)
        lines = self.lines()
        self.assertEqual(3, len(lines), lines)
        self.assertIn('10 messages', lines[0])
        self.assertIn('150 messages', lines[1])
        self.assertIn('9 messages < 10', lines[2])

    def test_so_is_the_age(self):
        self.look(1, 59.9)
        self.look(1, 61)
        self.look(1, 59)
        reached, passed = self.lines()
        self.assertIn('61 seconds (threshold: 60)', reached)
        self.assertIn('59 seconds < 60', passed)

    def test_gauges_are_sent_from_time_to_time(self):
        self.look(5, 1.5)
        self.clock.now -= 1
        self.watch.look()
        self.assertEqual(
            [('backlog', 5), ('age', 1.5), ('set_aside', 3)], self.sent
        )


class GaugeTestCase(base.BaseTestCase):
    def test_ironic_takes_the_gauges(self):
        reports.send_gauge('backlog', 1)
