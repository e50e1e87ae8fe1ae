# SPDX-License-Identifier: Apache-2.0
"""What can happen to a relay, and what must hold all the same."""

import collections
import logging
import random
from unittest import mock

from hypothesis import stateful
from hypothesis import strategies as st
import oslo_messaging

from ironic_async_events import guarantees
from ironic_async_events.outbox import judging
from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import lease
from ironic_async_events.outbox import publisher
from ironic_async_events.outbox import relay
from ironic_async_events.outbox import suspects
from ironic_async_events.outbox import watch
from ironic_async_events.tests.unit.outbox.simulation import outside
from ironic_async_events.tests.unit.outbox.simulation import world

SET_ASIDE_AFTER = 120.0
LEASE = 10.0
BATCH = 6
LANES = 4
POLL = 0.5

BOUND = 60.0
"""Seconds within which what the bus accepts is published."""

HEALED = 90.0
"""Seconds within which all is published when everything is well again."""

# Turns, and waits in vain, of one relay in a second in which it published
# nothing; it looks twice a second for messages.
BUSY = 12

SUBJECTS = st.sampled_from('abcdefgh')
TOPICS = st.sampled_from(('info', 'error'))
RELAYS = st.sampled_from(('one', 'two'))
ERRORS = st.sampled_from(
    (
        OSError,
        ConnectionResetError,
        TimeoutError,
        oslo_messaging.MessageDeliveryFailure,
        oslo_messaging.MessagingException,
        AttributeError,
        TypeError,
        LookupError,
        KeyError,
        ValueError,
        RuntimeError,
    )
)

GAP = getattr(suspects, '_GAP', 0.0)


class Machine(stateful.RuleBasedStateMachine):
    """A cluster with two relays."""

    steps = 0

    def __init__(self):
        super().__init__()
        logging.disable(logging.CRITICAL)
        self.world = world.World()
        self.database = outside.Database(self.world)
        self.bus = outside.Bus(self.world, self.database, self.arrived)
        self.violations = []
        self.late = {}
        self.next_id = 1
        # When somebody last did something to what is not the bus's rules.
        self.disturbed_at = self.world.now
        self.touched = collections.defaultdict(lambda: self.world.now)
        self.turns = {}
        self.generation = 0
        queues = world.Queues(self.world, lambda: self.count('wait'))
        self.patches = [
            mock.patch.object(lanes, 'queue', queues),
            mock.patch.object(lanes, 'threading', world.Threads(self.world)),
        ]
        for patch in self.patches:
            patch.start()
        self.news = {}
        for name in ('one', 'two'):
            self.start(name)

    def start(self, name):
        self.generation += 1
        process = f'{name}{self.generation}'
        self.news[name] = (process, world.Queue(self.world))
        self.turns[process] = collections.deque()
        self.world.spawn(process, lambda: self.relay(*self.news[name]))

    def relay(self, process, news):
        clock = self.world.clock
        it = relay.Relay(
            rows=self.database,
            lease=lease.Lease(self.database, process, LEASE, clock),
            lanes=lanes.Lanes(publisher.Publisher(self.bus).publish, LANES),
            judge=judging.Judge(
                suspects.Suspects(SET_ASIDE_AFTER, clock), clock
            ),
            watch=watch.Watch(
                self.database.backlog, 60, [], [], lambda *a: None, clock
            ),
            clock=clock,
            batch=BATCH,
            poll=POLL,
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
        for turns in self.turns.values():
            turns.clear()
        self.check_waited(stored)

    def check_waited(self, stored):
        if not self.is_calm() or not self.is_accepted(stored):
            return
        if stored.first_at is None:
            return
        since = max(
            stored.first_at,
            self.disturbed_at,
            self.touched[stored.subject],
            self.touched[stored.topic],
        )
        if self.world.now - since > BOUND:
            self.violations.append(
                f'{guarantees.I8} {stored} could be published since {since}, '
                f'now is {self.world.now}'
            )

    def is_calm(self):
        return not (
            self.bus.away
            or self.database.away
            or self.world.frozen
            or 'everything' in self.bus.hanging
        )

    def is_accepted(self, stored):
        return not (
            stored.topic in self.bus.topics
            or stored.id in self.bus.ids
            or stored.subject in self.bus.hanging
            or stored.broken
        )

    def disturb(self):
        self.disturbed_at = self.world.now

    # Rules

    @stateful.initialize(seed=st.integers(0, 2**16))
    def jitter(self, seed):
        random.seed(seed)

    @stateful.rule(
        subjects=st.lists(SUBJECTS, min_size=1, max_size=5),
        topic=TOPICS,
        broken=st.integers(0, 15),
        through=RELAYS,
    )
    def put(self, subjects, topic, broken, through):
        for subject in subjects:
            if subject not in self.late:
                self.database.show(
                    outside.Stored(
                        self.next_id, subject, topic, broken=broken == 7
                    )
                )
                self.next_id += 1
        self.wake(through)

    def wake(self, through):
        _, news = self.news[through]
        for turns in self.turns.values():
            turns.clear()
        news.put(None)

    @stateful.rule(subject=SUBJECTS, topic=TOPICS)
    def put_late(self, subject, topic):
        if subject not in self.late:
            self.late[subject] = outside.Stored(self.next_id, subject, topic)
            self.next_id += 1

    @stateful.precondition(lambda self: self.late)
    @stateful.rule(number=st.integers(0, 7))
    def commit_late(self, number):
        subject = sorted(self.late)[number % len(self.late)]
        self.database.show(self.late.pop(subject))

    @stateful.rule(topic=TOPICS, error=ERRORS)
    def refuse_topic(self, topic, error):
        self.bus.topics[topic] = error
        self.bus.changed()
        self.touched[topic] = self.world.now

    @stateful.precondition(lambda self: self.bus.topics)
    @stateful.rule()
    def accept_topics(self):
        for topic in self.bus.topics:
            self.touched[topic] = self.world.now
        self.bus.topics.clear()
        self.bus.changed()

    @stateful.precondition(lambda self: self.database.waiting_rows)
    @stateful.rule(number=st.integers(0, 30), error=ERRORS)
    def refuse_message(self, number, error):
        ids = sorted(self.database.waiting_rows)
        self.bus.ids[ids[number % len(ids)]] = error
        self.bus.changed()

    @stateful.rule(error=ERRORS)
    def bus_goes(self, error):
        self.bus.away = error
        self.bus.changed()
        self.disturb()

    @stateful.precondition(lambda self: self.bus.away)
    @stateful.rule()
    def bus_comes(self):
        self.bus.away = None
        self.bus.changed()
        self.disturb()

    @stateful.precondition(lambda self: len(self.bus.hanging) < LANES - 2)
    @stateful.rule(subject=SUBJECTS)
    def hang(self, subject):
        self.bus.hanging.add(subject)

    @stateful.precondition(lambda self: self.bus.hanging)
    @stateful.rule(number=st.integers(0, 3), error=st.none() | ERRORS)
    def release(self, number, error):
        subject = sorted(self.bus.hanging)[number % len(self.bus.hanging)]
        self.bus.release(subject, error)
        self.touched[subject] = self.world.now

    @stateful.rule()
    def bus_answer_is_lost(self):
        self.bus.lost_answers = 1
        self.disturb()

    @stateful.rule()
    def database_goes(self):
        self.database.away = True
        self.disturb()

    @stateful.precondition(lambda self: self.database.away)
    @stateful.rule()
    def database_comes(self):
        self.database.away = False
        self.disturb()

    @stateful.rule()
    def database_answer_is_lost(self):
        self.database.lost_answers = 1
        self.disturb()

    @stateful.rule(name=RELAYS)
    def freeze(self, name):
        self.world.freeze(self.news[name][0])
        self.disturb()

    @stateful.precondition(lambda self: self.world.frozen)
    @stateful.rule()
    def thaw(self):
        for process in sorted(self.world.frozen):
            self.world.thaw(process)
        self.disturb()

    @stateful.rule(name=RELAYS)
    def kill(self, name):
        self.world.kill(self.news[name][0])
        self.start(name)
        self.disturb()

    @stateful.rule(
        seconds=st.sampled_from((0.003, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 40.0))
    )
    def time_passes(self, seconds):
        self.world.run_for(seconds)

    # What must hold

    @stateful.invariant()
    def holds(self):
        type(self).steps += 1
        for stored in self.database.set_aside_by_relay:
            if stored.broken:
                continue
            if stored.refused_at is None:
                self.violations.append(f'{stored} was set aside untried')
                continue
            seconds = self.bus.refused_by_itself(stored, GAP)
            if seconds < SET_ASIDE_AFTER:
                self.violations.append(
                    f'{stored} was set aside, refused for {seconds} s'
                )
        self.database.set_aside_by_relay.clear()
        for subject in list(self.database.of):
            oldest = self.database.mark_oldest(subject)
            if oldest is not None and not oldest.published:
                self.check_waited(oldest)
        for stored in self.database.messages.values():
            if not (
                stored.published
                or stored.aside
                or stored.id in self.database.waiting_rows
            ):
                self.violations.append(f'{guarantees.I1} {stored} is lost')
        found = self.violations + self.bus.disorder + self.database.lost
        assert not found, found

    def teardown(self):
        try:
            self.calm()
            self.world.run_for(BOUND + 1)
            self.holds()
            self.heal()
            self.world.run_for(HEALED)
            self.holds()
            left = self.database.waiting_rows
            assert not left, f'left after all was well: {left}'
        finally:
            for patch in self.patches:
                patch.stop()
            logging.disable(logging.NOTSET)

    def calm(self):
        """End everything but refusals and publications that hang."""
        for subject in sorted(self.late):
            self.database.show(self.late.pop(subject))
        self.bus.away = None
        self.bus.changed()
        self.bus.lost_answers = 0
        self.database.away = False
        self.database.lost_answers = 0
        for process in sorted(self.world.frozen):
            self.world.thaw(process)
        self.disturb()

    def heal(self):
        """End the rest as well."""
        for subject in sorted(self.bus.hanging):
            self.bus.release(subject, None)
            self.touched[subject] = self.world.now
        for topic in self.bus.topics:
            self.touched[topic] = self.world.now
        self.bus.topics.clear()
        self.bus.ids.clear()
        self.bus.changed()
        self.disturb()
