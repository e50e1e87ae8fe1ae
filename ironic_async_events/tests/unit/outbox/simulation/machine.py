# SPDX-License-Identifier: Apache-2.0
"""What can happen to a relay, and what must hold all the same."""

import collections
import random

from hypothesis import stateful
from hypothesis import strategies as st
import oslo_messaging

from ironic_async_events.outbox import breaker
from ironic_async_events.tests.unit.outbox.simulation import cluster
from ironic_async_events.tests.unit.outbox.simulation import outside
from laboratory import guarantees

BOUND = 60.0
"""Seconds within which what the bus accepts is published."""

HEALED = 90.0
"""Seconds within which all is published when everything is well again."""

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

GAP = cluster.SET_ASIDE_AFTER * breaker._SHARE


class Machine(cluster.Cluster, stateful.RuleBasedStateMachine):
    """A cluster with two relays."""

    steps = 0

    def __init__(self):
        super().__init__()
        self.begin('one', 'two')
        self.late = {}
        # When somebody last did something to what is not the bus's rules.
        self.disturbed_at = self.world.now
        self.touched = collections.defaultdict(lambda: self.world.now)

    def arrived(self, stored):
        super().arrived(stored)
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
            or self.bus.hanging.issuperset(('info', 'error'))
        )

    def is_accepted(self, stored):
        return not (
            stored.topic in self.bus.topics
            or stored.id in self.bus.ids
            or not self.bus.hanging.isdisjoint((stored.subject, stored.topic))
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
                self.store(subject, topic, broken=broken == 7)
        self.wake(through)

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

    @stateful.precondition(lambda self: self.may_hang(3))
    @stateful.rule(subject=SUBJECTS)
    def hang(self, subject):
        self.bus.hanging.add(subject)

    @stateful.precondition(lambda self: self.may_hang(1))
    @stateful.rule(topic=TOPICS)
    def hang_topic(self, topic):
        self.bus.hanging.add(topic)

    def may_hang(self, subjects):
        """Tell whether more may hang, and no topic is closed for all that."""
        topics = {'info', 'error'} & self.bus.hanging
        return len(self.bus.hanging) < (1 if topics else subjects)

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
        self.restart(name)
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
            if seconds < cluster.SET_ASIDE_AFTER:
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
            self.end()

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
