# SPDX-License-Identifier: Apache-2.0
"""Tests of the relay, with a bus and a database that the test breaks."""

import collections
import random
from unittest import mock

import fixtures
from oslotest import base
from testtools import content

from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import message
from ironic_async_events.outbox import relay
from ironic_async_events.outbox import stored
from ironic_async_events.tests.unit.outbox import base as outbox_base
from ironic_async_events.tests.unit.outbox import test_lease


class Rows(test_lease.Claims):
    """The messages of a cluster, and its lease."""

    def __init__(self, clock):
        super().__init__(clock)
        self.rows = {}
        self.marked = set()
        self.aside = {}
        self.deletes = []
        self.broken = False

    def put(self, id, subject):
        self.rows[id] = stored.Row(id, subject, f'{subject}{id}')

    def _check(self):
        if self.broken:
            raise OSError('the database is away')

    def waiting(self, limit, but, confirmed, closed):
        self._check()
        marked = self.marked & self.rows.keys()
        but = {*but, *(self.rows[id].subject for id in marked)}
        found = [r for _, r in sorted(self.rows.items())]
        return [
            r
            for r in found
            if r.subject not in but
            and r.id not in confirmed
            and r.destination not in closed
        ][:limit]

    def still_waiting(self, ids, confirmed):
        self._check()
        return [self.rows[id] for id in ids if id in self.rows]

    def mark_refused(self, ids, holder):
        self._check()
        self.marked.update(ids)

    def refused(self, limit, after):
        self._check()
        return [
            stored.Row(id, self.rows[id].subject, '')
            for id in sorted(self.marked & self.rows.keys())
            if id > after
        ][:limit]

    def delete(self, ids):
        self._check()
        self.deletes.append(sorted(ids))
        for id in ids:
            self.rows.pop(id, None)

    def set_aside(self, id, attempts, error):
        self._check()
        self.aside[id] = self.rows.pop(id)

    def backlog(self):
        self._check()
        marked = self.marked & self.rows.keys()
        return stored.Backlog(
            len(self.rows), 0.0, len(self.aside), len(marked)
        )


class Bus:
    """What was published, in the order of arrival."""

    def __init__(self):
        self.published = []
        self.attempts = 0
        self.away = False
        self.refused = {}
        self.before = lambda body: None

    def publish(self, body):
        self.attempts += 1
        self.before(body)
        if self.away:
            raise OSError('the bus is away')
        if body in self.refused:
            raise self.refused[body]
        self.published.append(body)


class Inline(lanes.Lanes):
    """One lane, without a thread, which publishes in the order of the ids."""

    busy = ()
    closed = frozenset()
    hanging = collections.Counter()

    def go(self, rows, may, share):
        refused = set()
        for row in rows:
            if row.subject not in refused:
                train = lanes.Train(row.subject, '', may, [row])
                for outcome in self._publish_some(train):
                    if outcome[1] is not None:
                        refused.add(row.subject)
                    yield outcome


class RelayTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.clock = outbox_base.Clock()
        self.useFixture(fixtures.MockPatchObject(relay, 'Lanes', Inline))
        self.rows = Rows(self.clock)
        self.bus = Bus()
        self.lines = self.useFixture(outbox_base.Log()).lines
        self.relay = self.make('one')

    def make(self, name, linger=0.0):
        self.useFixture(fixtures.MockPatchObject(relay, '_LINGER', linger))
        return relay.Relay(
            self.rows,
            self.bus.publish,
            name,
            outbox_base.options(),
            self.clock,
        )

    def put(self, *names):
        """Store messages named by subject and number: a1, b2."""
        for name in names:
            self.rows.put(int(name[1:]), name[0])

    def run_for(self, seconds, *relays):
        """Let relays do their turns, each when it wants to."""
        relays = relays or (self.relay,)
        due = {one: self.clock() for one in relays}
        end = self.clock() + seconds
        while self.clock() < end:
            one = min(due, key=due.get)
            self.clock.now = max(self.clock.now, due[one])
            due[one] = self.clock() + max(0.001, one.turn().seconds)
        return due

    def test_messages_are_published_in_order_and_deleted_in_batches(self):
        self.put('a1', 'b2', 'a3', 'c4', 'b5', 'a6', 'a7')
        self.assertEqual(0, self.relay.turn().seconds)
        self.relay.turn()
        self.assertEqual(
            ['a1', 'b2', 'a3', 'c4', 'b5', 'a6', 'a7'], self.bus.published
        )
        self.assertEqual([[1, 2, 3, 4, 5], [6, 7]], self.rows.deletes)

    def test_what_may_linger_is_deleted_later_and_not_published_again(self):
        lingers = self.make('one', linger=0.5)
        self.put('a1', 'b2')
        lingers.turn()
        self.put('a3')
        self.run_for(0.4, lingers)
        self.assertEqual([], self.rows.deletes)
        self.run_for(0.2, lingers)
        self.assertEqual([[1, 2, 3]], self.rows.deletes)
        self.assertEqual(['a1', 'b2', 'a3'], self.bus.published)

    def test_a_batch_does_not_linger(self):
        lingers = self.make('one', linger=0.5)
        self.put('a1', 'a2', 'a3', 'a4', 'a5', 'a6')
        lingers.turn()
        self.assertEqual([[1, 2, 3, 4, 5]], self.rows.deletes)

    def test_what_lingers_is_deleted_when_the_lease_is_lost(self):
        lingers = self.make('one', linger=60.0)
        self.put('a1')
        lingers.turn()
        self.clock.now += 10.0
        self.rows.take_lease('two', 10.0)
        lingers.turn()
        self.assertEqual([[1]], self.rows.deletes)

    def test_what_lingers_is_deleted_at_the_end(self):
        lingers = self.make('one', linger=60.0)
        self.put('a1')
        lingers.turn()
        lingers.end()
        self.assertEqual([[1]], self.rows.deletes)

    def test_idle_it_waits_for_news_but_not_for_ever(self):
        pause = self.relay.turn()
        self.assertEqual(relay.Pause(0.05, for_messages=True), pause)

    def test_one_that_comes_to_light_late_is_not_skipped(self):
        self.put('a2', 'a3')
        self.relay.turn()
        self.put('b1')
        self.relay.turn()
        self.assertEqual(['a2', 'a3', 'b1'], self.bus.published)

    def test_without_the_lease_nothing_is_published(self):
        self.make('two').turn()
        self.put('a1')
        pause = self.relay.turn()
        self.assertEqual([], self.bus.published)
        self.assertFalse(pause.for_messages)
        self.assertLessEqual(pause.seconds, 10.1)

    def test_a_lease_that_is_lost_ends_the_batch(self):
        self.put('a1', 'a2', 'a3')

        def freeze(body):
            if body == 'a2':
                self.clock.now += 30
                self.rows.take_lease('two', 10)

        self.bus.before = freeze
        self.relay.turn()
        # The second was on its way already; it is a repetition for whoever
        # has the lease now, or that one's is.
        self.assertEqual(['a1', 'a2'], self.bus.published)
        self.assertEqual({3}, self.rows.rows.keys())

    def test_a_lease_that_was_lost_and_taken_again_forgets_the_suspects(self):
        self.relay.turn()
        self.clock.now += 60
        two = self.make('two')
        two.turn()
        two.end()
        with mock.patch.object(
            self.relay._breaker, 'clear', autospec=True
        ) as clear:
            self.relay.turn()
        clear.assert_called_once_with()

    def test_a_long_batch_renews_the_lease(self):
        self.put('a1', 'a2', 'a3', 'a4', 'a5')

        def slow(body):
            self.clock.now += 4

        self.bus.before = slow
        for _ in range(5):
            self.relay.turn()
        self.assertEqual(5, len(self.bus.published))
        self.assertGreater(self.rows.asked['one'], 3)

    def test_while_the_bus_is_away_nothing_is_lost_and_little_is_said(self):
        self.put('a1', 'b2', 'a3', 'c4')
        self.bus.away = True
        self.run_for(120)
        self.assertLess(self.bus.attempts, 120)
        self.assertEqual({1, 2, 3, 4}, self.rows.rows.keys())
        self.assertEqual('one', self.rows.holder)
        self.bus.away = False
        self.run_for(11)
        self.assertEqual(
            ['a1', 'a3', 'b2', 'c4'],
            sorted(self.bus.published, key=lambda body: body[0]),
        )
        self.assertEqual({}, self.rows.aside)
        self.assertEqual(1, len(self.lines('cannot reach the message bus')))
        (line,) = self.lines('reaches the message bus again')
        self.assertIn('4 messages', line)

    def test_one_lonely_message_waits_for_the_bus_as_well(self):
        self.put('a1')
        self.bus.away = True
        self.run_for(120)
        self.assertLess(self.bus.attempts, 120)
        self.assertEqual(1, len(self.lines('cannot reach the message bus')))
        self.bus.away = False
        self.run_for(11)
        self.assertEqual(['a1'], self.bus.published)
        self.assertEqual(1, len(self.lines('reaches the message bus again')))

    def test_a_message_that_is_refused_by_itself_blocks_nobody(self):
        self.bus.refused = {'a1': OSError('too large')}
        self.put('a1', 'b2', 'a3', 'c4')
        self.run_for(0.05)
        self.assertEqual(['b2', 'c4'], self.bus.published)
        # Of a pause of 10 seconds, 5 count: 20 have passed after 60 at most,
        # whatever the jitter.
        for id in range(10, 130):
            self.put(f'b{id}')
            self.run_for(0.5)
        self.assertEqual({1}, self.rows.aside.keys())
        self.assertIn('a3', self.bus.published)
        (line,) = self.lines('set aside')
        self.assertIn('about a', line)
        self.assertIn('too large', line)
        self.assertEqual(123, len(self.bus.published))

    def test_one_of_many_behind_it_does_not_fill_the_batch(self):
        self.bus.refused = {'a1': OSError('too large')}
        self.put(*(f'a{id}' for id in range(1, 21)), 'b21')
        self.run_for(0.2)
        self.assertEqual(['b21'], self.bus.published)

    def test_refused_messages_do_not_stand_in_the_way(self):
        refused = [f'{chr(0x4E00 + id)}{id}' for id in range(1, 21)]
        self.bus.refused = dict.fromkeys(refused, OSError('queue is full'))
        self.put(*refused)
        self.run_for(60)
        others = [f'{chr(0x5E00 + id)}{id}' for id in range(100, 140)]
        self.put(*others)
        self.run_for(11)
        self.assertEqual(others, self.bus.published)
        self.assertEqual({}, self.rows.aside)
        self.bus.refused = {}
        self.run_for(11)
        self.assertEqual({*refused, *others}, set(self.bus.published))

    def test_with_others_at_hand_refused_messages_are_no_outage(self):
        refused = [f'{chr(0x4E00 + id)}{id}' for id in range(1, 21)]
        others = [f'{chr(0x5E00 + id)}{id}' for id in range(100, 140)]
        self.bus.refused = dict.fromkeys(refused, OSError('queue is full'))
        self.put(*refused, *others)
        # A batch is five messages, so the refused ones take 2 + 4 + 5 + 5 + 4:
        # pauses of at most 0.25, 0.5, 1 and 2 seconds, and ten batches.
        self.run_for(4)
        self.assertEqual(others, self.bus.published)
        self.run_for(600)
        self.assertEqual([], self.lines('cannot reach'))

    def test_what_is_refused_while_nothing_passes_is_not_set_aside(self):
        self.bus.refused = {'a1': OSError('queue is full')}
        self.put('a1', 'b2')
        self.run_for(600)
        self.assertEqual(['b2'], self.bus.published)
        self.assertEqual({}, self.rows.aside)

    def test_a_message_that_cannot_be_decoded_is_set_aside_at_once(self):
        self.bus.refused = {'a1': message.Unreadable('not JSON')}
        self.put('a1', 'a2')
        self.run_for(0.1)
        self.assertEqual({1}, self.rows.aside.keys())
        self.assertEqual(['a2'], self.bus.published)
        self.assertEqual([], self.lines('cannot reach'))

    def test_what_cannot_be_set_aside_now_is_later(self):
        self.bus.refused = {'a1': message.Unreadable('not JSON')}
        set_aside = self.rows.set_aside
        with mock.patch.object(
            self.rows, 'set_aside', autospec=True, side_effect=OSError
        ):
            self.put('a1', 'a2')
            self.run_for(0.1)
            self.assertEqual({}, self.rows.aside)
        self.assertEqual(set_aside, self.rows.set_aside)
        self.run_for(11)
        self.assertEqual({1}, self.rows.aside.keys())
        self.assertEqual(['a2'], self.bus.published)

    def test_whatever_a_broken_connection_raises_blames_no_message(self):
        for kind in (AttributeError, KeyError, TypeError, ValueError):
            self.bus.refused = {f'{x}': kind('broken') for x in ('a1', 'b2')}
            self.put('a1', 'b2')
            self.run_for(60)
            self.assertEqual({}, self.rows.aside)

    def test_a_message_that_somebody_else_took_is_forgotten(self):
        self.bus.refused = {'a1': OSError('too large')}
        self.put('a1', 'a2', 'b3')
        self.run_for(0.05)
        del self.rows.rows[1]
        self.run_for(11)
        self.assertEqual(['b3', 'a2'], self.bus.published)

    def test_an_outage_blames_no_message(self):
        self.put('a1', 'b2')
        for _ in range(10):
            self.bus.away = True
            self.run_for(20)
            self.bus.away = False
            self.run_for(11)
            self.put('a1', 'b2')
        self.assertEqual({}, self.rows.aside)

    def test_a_refused_message_does_not_turn_into_an_outage(self):
        self.bus.refused = {'a1': OSError('too large')}
        self.put('a1', 'b2')
        self.bus.away = True
        self.run_for(5)
        self.bus.away = False
        self.run_for(11)
        self.assertEqual(['b2'], self.bus.published)
        self.put('c3')
        self.run_for(0.1)
        self.assertEqual(['b2', 'c3'], self.bus.published)

    def test_a_broken_connection_is_no_outage(self):
        self.put('a1')
        once = iter([OSError('broken pipe')])

        def before(body):
            for error in once:
                raise error

        self.bus.before = before
        self.run_for(0.5)
        self.assertEqual(['a1'], self.bus.published)
        self.assertEqual([], self.lines('cannot reach'))

    def test_while_the_database_is_away_nothing_is_published_twice(self):
        self.put('a1', 'a2')
        self.relay.turn()
        self.put('a3', 'a4')

        def breaks(body):
            self.rows.broken = True

        self.bus.before = breaks
        self.run_for(60)
        self.assertEqual(['a1', 'a2', 'a3', 'a4'], self.bus.published)
        self.assertEqual(1, len(self.lines('cannot reach the database')))
        self.rows.broken = False
        self.run_for(11)
        self.assertEqual(['a1', 'a2', 'a3', 'a4'], self.bus.published)
        self.assertEqual({}, self.rows.rows)
        self.assertEqual(1, len(self.lines('reaches the database again')))

    def test_what_is_on_its_way_is_waited_for_when_the_database_goes(self):
        self.put('a1', 'b2', 'c3')
        take = self.rows.take_lease

        def away(holder, seconds):
            raise OSError('the database is away')

        def go(rows, may, share):
            if not rows:
                return
            # All of them are on their way before the first answer.
            for row in rows:
                self.bus.publish(row.body)
            self.clock.now += 5
            self.rows.take_lease = away
            for row in rows:
                yield row, None, False
            self.assertFalse(may())

        self.relay._lanes.go = go
        self.run_for(1)
        self.rows.take_lease = take
        self.run_for(60)
        self.assertEqual(['a1', 'b2', 'c3'], self.bus.published)
        self.assertEqual({}, self.rows.rows)

    def test_with_nothing_but_what_hangs_it_gives_the_lease_up(self):
        self.relay.turn()
        self.relay._lanes.busy = {'a'}
        self.run_for(25)
        self.assertIsNotNone(self.rows.take_lease('two', 10))
        self.clock.now += 6
        pause = self.relay.turn()
        self.assertEqual(relay.Pause(3.0, for_messages=False), pause)
        self.assertIsNone(self.rows.take_lease('two', 10))
        self.assertEqual(1, len(self.lines('no answer of the message bus')))

    def test_about_what_hangs_nothing_is_published(self):
        self.relay._lanes.busy = {'a'}
        self.put('a1', 'b2')
        self.run_for(1)
        self.assertEqual(['b2'], self.bus.published)

    def test_on_the_way_out_it_publishes_what_is_left(self):
        self.relay.turn()
        self.put(*(f'a{id}' for id in range(1, 13)))
        while not self.relay.turn().seconds:
            pass
        self.relay.end()
        self.assertEqual({}, self.rows.rows)
        self.assertIsNone(self.rows.take_lease('two', 10))

    def test_on_the_way_out_it_does_not_wait_for_the_bus(self):
        self.relay.turn()
        self.put('a1', 'b2')
        self.bus.away = True
        self.assertGreater(self.relay.turn().seconds, 0)
        self.relay.end()
        self.assertEqual({1, 2}, self.rows.rows.keys())

    def test_who_has_not_the_lease_leaves_it_to_others(self):
        self.make('two').turn()
        self.put('a1')
        self.assertGreater(self.relay.turn().seconds, 0)
        self.relay.end()
        self.assertEqual([], self.bus.published)
        self.assertEqual('two', self.rows.holder)
        self.assertIsNotNone(self.rows.take_lease('three', 10))

    def test_first_occurrences_are_in_order_whatever_happens(self):
        seed = random.randrange(10**6)
        self.addDetail('seed', content.text_content(str(seed)))
        for run in range(30):
            self.one_random_run(random.Random(f'{seed}/{run}'))

        self.addDetail('seed', content.text_content(str(seed)))

    def one_random_run(self, chance):
        self.rows, self.bus = Rows(self.clock), Bus()
        relays = [self.make(str(number)) for number in range(3)]
        # A relay is one thread: what happens while it publishes is the turn
        # of another.
        idle = set(relays)

        def turn():
            if idle:
                one = chance.choice(sorted(idle, key=relays.index))
                idle.discard(one)
                one.turn()
                idle.add(one)

        stored = []
        late = []

        def before(body):
            # Time passes, the process is stopped, the bus is away.
            self.clock.now += chance.choice((0.001, 0.001, 0.01, 0.5, 30))
            if chance.random() < 0.1:
                raise OSError('the bus is away')
            if chance.random() < 0.1:
                turn()

        self.bus.before = before
        next_id = 1
        for _ in range(150):
            for _ in range(chance.randrange(3)):
                subject = chance.choice('abc')
                if chance.random() < 0.2 and not any(
                    one[1] == subject for one in late
                ):
                    # Gets its number now, is committed later.
                    late.append((next_id, subject))
                elif not any(one[1] == subject for one in late):
                    self.rows.put(next_id, subject)
                    stored.append((next_id, subject))
                next_id += 1
            if late and chance.random() < 0.5:
                one = late.pop(0)
                self.rows.put(*one)
                stored.append(one)
            self.rows.broken = chance.random() < 0.1
            turn()
            self.clock.now += chance.choice((0.01, 1, 20))
        self.rows.broken = False
        self.bus.before = lambda body: None
        self.run_for(60, *relays)
        aside = {f'{r.subject}{r.id}' for r in self.rows.aside.values()}
        for subject in 'abc':
            expected = [
                f'{s}{i}'
                for i, s in sorted(stored)
                if s == subject and f'{s}{i}' not in aside
            ]
            first = dict.fromkeys(
                one
                for one in self.bus.published
                if one[0] == subject and one not in aside
            )
            self.assertEqual(expected, list(first))
