# SPDX-License-Identifier: Apache-2.0
"""Tests of the thread: it wakes, waits and ends when it should."""

import contextlib
import threading
from unittest import mock

import fixtures
from oslotest import base

from ironic_async_events.outbox import connection
from ironic_async_events.outbox import relay
from ironic_async_events.outbox import service
from ironic_async_events.tests.unit import base as unit_base

LONG = 3600.0


class Relay:
    """Meets the test at each turn."""

    def __init__(self, pauses):
        self.pauses = pauses
        self.lines = []
        self.begun = threading.Semaphore(0)
        self.ended = threading.Event()

    def turn(self):
        self.lines.append('turn')
        self.begun.release()
        return self.pauses.pop(0)

    def end(self):
        self.lines.append('end')
        self.ended.set()


class ThreadTestCase(base.BaseTestCase):
    def thread(self, fake):
        """Make a thread that runs another relay."""
        for owner, name, value in (
            (service, 'Relay', lambda *args: fake),
            (service, 'CONF', mock.Mock()),
            (connection, 'keep', contextlib.nullcontext),
        ):
            self.useFixture(fixtures.MockPatchObject(owner, name, value))
        return service.RelayThread(None)

    def start(self, fake):
        one = self.thread(fake)
        self.addCleanup(one.stop, 0)
        one.start()
        return one

    def turns(self, fake, count):
        for _ in range(count):
            self.assertTrue(fake.begun.acquire(timeout=unit_base.PATIENCE))

    def test_a_message_ends_the_pause(self):
        fake = Relay([relay.Pause(LONG), relay.Pause(LONG)])
        one = self.start(fake)
        self.turns(fake, 1)
        one.wake()
        self.turns(fake, 1)

    def test_turns_are_apart_while_messages_come(self):
        fake = Relay([relay.Pause(LONG), relay.Pause(LONG)])
        one = self.thread(fake)
        self.addCleanup(one.stop, 0)
        apart = unit_base.Gate()
        asked = []

        def wait(seconds):
            asked.append(seconds)
            apart.pass_through()
            return False

        one._ending.wait = wait
        one.start()
        self.turns(fake, 1)
        apart.wait_for_arrival()
        # It comes right after the turn.
        one.wake()
        self.assertEqual(['turn'], fake.lines)
        apart.open()
        self.turns(fake, 1)
        self.assertEqual(service._APART, asked[0])

    def test_a_pause_is_as_long_as_it_says(self):
        one = self.thread(Relay([relay.Pause(LONG)] * 2))
        waited = []
        for event in (one._ending, one._news):
            event.wait = lambda seconds: waited.append(seconds) or False
        one._ending.is_set = lambda: len(waited) >= 2
        one.run()
        self.assertEqual(LONG, sum(waited))

    def test_a_message_during_the_turn_is_not_missed(self):
        inside = unit_base.Gate()
        fake = Relay([relay.Pause(LONG), relay.Pause(LONG)])
        turn = fake.turn

        def slow():
            if not fake.lines:
                inside.pass_through()
            return turn()

        fake.turn = slow
        one = self.start(fake)
        self.addCleanup(inside.open)
        inside.wait_for_arrival()
        one.wake()
        inside.open()
        self.turns(fake, 2)

    def test_a_message_does_not_end_a_pause_of_another_kind(self):
        fake = Relay([relay.Pause(LONG, for_messages=False)] * 2)
        one = self.start(fake)
        self.turns(fake, 1)
        one.wake()
        one.stop(10)
        self.assertEqual(['turn', 'turn', 'end'], fake.lines)

    def test_on_the_way_out_it_publishes_while_there_is_more(self):
        more = relay.Pause(0)
        fake = Relay([relay.Pause(LONG), more, more, relay.Pause(0.1)])
        one = self.start(fake)
        self.turns(fake, 1)
        one.stop(10)
        self.assertEqual([*['turn'] * 4, 'end'], fake.lines)

    def test_without_time_it_publishes_no_more(self):
        fake = Relay([relay.Pause(LONG)])
        one = self.start(fake)
        self.turns(fake, 1)
        one.stop(0)
        self.assertTrue(fake.ended.wait(unit_base.PATIENCE))
        self.assertEqual(['turn', 'end'], fake.lines)
