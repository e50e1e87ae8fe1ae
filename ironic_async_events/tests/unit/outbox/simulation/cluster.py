# SPDX-License-Identifier: Apache-2.0
"""Relays under a simulated clock, with a simulated database and bus."""

import collections
import functools
import logging
from unittest import mock

from ironic_async_events.outbox import breaker
from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import publisher
from ironic_async_events.outbox import relay
from ironic_async_events.tests.unit.outbox import base
from ironic_async_events.tests.unit.outbox.simulation import outside
from ironic_async_events.tests.unit.outbox.simulation import world

SET_ASIDE_AFTER = 120.0
LEASE = 10.0
WATCH = 15.0

# Turns, and waits in vain, of one relay in a second in which it published
# nothing; it looks twice a second for messages.
BUSY = 12


class Cluster:
    """Relays, and what they did.

    :ivar violations: what did not hold
    """

    LANES = 4
    BATCH = 6
    POLL = 0.5
    #: Suspects that a relay remembers.
    SUSPECTS = breaker._MOST_SUSPECTS

    def begin(self, *names):
        """Start some relays.

        :param names: their names
        """
        logging.disable(logging.CRITICAL)
        self.world = world.World()
        self.database = outside.Database(self.world)
        self.bus = outside.Bus(self.world, self.database, self.arrived)
        self.violations = []
        self.next_id = 1
        self.turns = {}
        self.relays = {}
        self.generation = 0
        queues = world.Queues(self.world, lambda: self.count('wait'))
        self.patches = [
            mock.patch.object(lanes, 'queue', queues),
            mock.patch.object(lanes, 'threading', world.Threads(self.world)),
            mock.patch.object(relay, '_LINGER', 0.0),
            mock.patch.object(breaker, '_MOST_SUSPECTS', self.SUSPECTS),
        ]
        for patch in self.patches:
            patch.start()
        self.news = {}
        for name in names:
            self.start(name)

    def end(self):
        """Restore what was replaced."""
        for patch in self.patches:
            patch.stop()
        logging.disable(logging.NOTSET)

    def start(self, name):
        """Start a relay in a new process."""
        self.generation += 1
        process = f'{name}{self.generation}'
        self.news[name] = (process, world.Queue(self.world))
        self.turns[process] = collections.deque()
        self.world.spawn(process, lambda: self.be_relay(*self.news[name]))

    def restart(self, name):
        """Kill the process of a relay, and start it again."""
        self.world.kill(self.news[name][0])
        self.start(name)

    def be_relay(self, process, news):
        """Be the thread of a relay."""
        it = self.relays[process] = relay.Relay(
            self.database,
            functools.partial(publisher.publish, self.bus),
            process,
            base.options(
                lease=LEASE,
                lanes=self.LANES,
                set_aside_after=SET_ASIDE_AFTER,
                watch_interval=WATCH,
                batch=self.BATCH,
                poll_interval=self.POLL,
            ),
            self.world.clock,
        )
        while True:
            news.clear()
            pause = it.turn()
            self.count('turn')
            try:
                self.world_wait(news, pause)
            except world.queue.Empty:
                continue

    def world_wait(self, news, pause):
        if not pause.for_messages:
            self.world.let_pass(pause.seconds)
            return
        news.get(pause.seconds)

    def count(self, what):
        """Count what a relay does in a second without a publication."""
        process = self.world.process()
        turns = self.turns[process]
        turns.append(self.world.now)
        while turns[0] < self.world.now - 1:
            turns.popleft()
        if len(turns) > BUSY:
            self.violations.append(
                f'{process} spins: {[round(x, 2) for x in turns]}'
            )
            # Let time pass all the same.
            self.world.let_pass(1.0)

    def arrived(self, stored):
        """Note that a message was published for the first time."""
        for turns in self.turns.values():
            turns.clear()

    def store(self, subject, topic, **more):
        """Commit the next message.

        :returns: the message
        """
        stored = outside.Stored(self.next_id, subject, topic, **more)
        self.next_id += 1
        self.database.show(stored)
        return stored

    def wake(self, name):
        """Tell a relay of a message of its own process."""
        for turns in self.turns.values():
            turns.clear()
        self.news[name][1].put(None)
