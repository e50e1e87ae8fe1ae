# SPDX-License-Identifier: Apache-2.0
"""A database and a bus that fail as they are told, and remember everything."""

import bisect
import collections
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
import dataclasses
import functools
from typing import Any

from ironic_async_events.outbox import message
from ironic_async_events.outbox.stored import Backlog
from ironic_async_events.outbox.stored import Row
from ironic_async_events.tests.unit.outbox.simulation import world as worlds
from laboratory import guarantees

# How long an answer takes.
_DATABASE = 0.001
_BUS = 0.002

Error = Callable[[], Exception]


@dataclasses.dataclass(eq=False)
class Stored:
    """A message, and what happened to it.

    :param id: its number
    :param subject: the node
    :param topic: the topic that it is published on
    :param shown_at: when it was committed
    :param broken: whether it cannot be decoded
    :param first_at: when it was first the oldest of its subject
    :param refused_at: when the bus first refused it
    :param strange: how often it was refused though the bus takes it
    :param published: whether the bus has it
    :param aside: whether it was set aside
    :param arrived_at: when the bus took it
    """

    id: int
    subject: str
    topic: str
    shown_at: float = 0.0
    broken: bool = False
    first_at: float | None = None
    refused_at: float | None = None
    strange: int = 0
    published: bool = False
    aside: bool = False
    arrived_at: float | None = None

    @property
    def _message(self) -> message.Message:
        return message.Message(
            topics=('topic',),
            context={},
            body={
                'message_id': str(self.id),
                'event_type': 'baremetal.node.power_set.end',
                'payload': {'uuid': self.subject},
            },
            priority=self.topic,
        )

    @functools.cached_property
    def destination(self) -> str:
        """Where it is published."""
        return self._message.destination

    @property
    def row(self) -> Row:
        """What the database holds of it."""
        return Row(
            self.id,
            self.subject,
            '{' if self.broken else self._message.encode(),
            self.destination,
        )


class Database:
    """The messages and the lease.

    :param world: the clock
    """

    def __init__(self, world: worlds.World) -> None:
        self._world = world
        self.messages: dict[int, Stored] = {}
        self.of: dict[str, list[Stored]] = collections.defaultdict(list)
        self.waiting_rows: dict[int, Row] = {}
        # What is in waiting_rows is in one of these.
        self.fresh: dict[int, Row] = {}
        self.marked: set[int] = set()
        self._late = False
        self._last = 0
        self.away = False
        self.lost_answers = 0
        self.set_aside_by_relay: list[Stored] = []
        self.lost: list[str] = []
        self._holder = ''
        self._until = 0.0

    def show(self, stored: Stored) -> None:
        """Commit a message."""
        stored.shown_at = self._world.now
        self.messages[stored.id] = stored
        bisect.insort(self.of[stored.subject], stored, key=lambda x: x.id)
        self.waiting_rows[stored.id] = self.fresh[stored.id] = stored.row
        self._late |= stored.id < self._last
        self._last = max(self._last, stored.id)
        self.mark_oldest(stored.subject)

    def mark_oldest(self, subject: str) -> Stored | None:
        """Note which message of a subject is next.

        :returns: the message
        """
        for stored in self.of[subject]:
            if stored.id in self.waiting_rows:
                if stored.first_at is None:
                    stored.first_at = self._world.now
                return stored
        return None

    def _ask(self) -> None:
        self._world.let_pass(_DATABASE)
        if self.away:
            raise OSError('the database is away')

    def waiting(
        self,
        limit: int,
        but: Collection[str],
        confirmed: Collection[int],
        closed: Collection[str] = (),
    ) -> list[Row]:
        """Stand for the function of the store."""
        self._ask()
        if self._late:
            self.fresh = dict(sorted(self.fresh.items()))
            self._late = False
        found = []
        for row in self.fresh.values():
            if len(found) == limit:
                break
            if not (
                row.subject in but
                or row.id in confirmed
                or self._goes_to(row.id) in closed
                or any(
                    closed or older in self.marked
                    for older in self._older(row, confirmed)
                )
            ):
                found.append(row)
        return found

    def _goes_to(self, id: int) -> str:
        return self.messages[id].destination

    def _older(self, row: Row, confirmed: Collection[int]) -> Iterator[int]:
        """Find the older messages about the subject that wait."""
        for stored in self.of[row.subject]:
            if stored.id >= row.id:
                return
            if stored.id in self.waiting_rows and stored.id not in confirmed:
                yield stored.id

    def mark_refused(self, ids: Collection[int], holder: str) -> None:
        """Stand for the function of the store."""
        self._ask()
        if self._holder == holder and self._world.now < self._until:
            for id in ids:
                if id in self.waiting_rows:
                    self.fresh.pop(id, None)
                    self.marked.add(id)
        if self.lost_answers:
            self.lost_answers -= 1
            raise OSError('the answer of the database was lost')

    def refused(self, limit: int, after: int) -> list[Row]:
        """Stand for the function of the store."""
        self._ask()
        ids = sorted(id for id in self.marked if id > after)
        return [
            Row(id, self.messages[id].subject, '', self._goes_to(id))
            for id in ids[:limit]
        ]

    def _gone(self, id: int) -> bool:
        self.fresh.pop(id, None)
        self.marked.discard(id)
        return self.waiting_rows.pop(id, None) is not None

    def still_waiting(
        self, ids: Collection[int], confirmed: Collection[int]
    ) -> list[Row]:
        """Stand for the function of the store."""
        self._ask()
        rows = [
            self.waiting_rows[id]
            for id in sorted(ids)
            if id in self.waiting_rows
        ]
        return [row for row in rows if not any(self._older(row, confirmed))]

    def delete(self, ids: Collection[int]) -> None:
        """Stand for the function of the store."""
        self._ask()
        for id in ids:
            if not self.messages[id].published:
                self.lost.append(f'{id} was deleted, and not published')
            self._gone(id)
            self.mark_oldest(self.messages[id].subject)
        if self.lost_answers:
            self.lost_answers -= 1
            raise OSError('the answer of the database was lost')

    def set_aside(self, id: int, attempts: int, error: str) -> None:
        """Stand for the function of the store."""
        self._ask()
        if not self._gone(id):
            return
        stored = self.messages[id]
        stored.aside = True
        self.set_aside_by_relay.append(stored)
        self.mark_oldest(stored.subject)

    def backlog(self) -> Backlog:
        """Stand for the function of the store."""
        self._ask()
        return Backlog(len(self.waiting_rows), 0.0, 0, len(self.marked))

    def take_lease(self, holder: str, seconds: float) -> float | None:
        """Stand for the lease."""
        self._ask()
        if self._holder != holder and self._world.now < self._until:
            return self._until - self._world.now
        self._holder = holder
        self._until = self._world.now + seconds
        return None

    def give_up_lease(self, holder: str) -> None:
        """Stand for the lease."""
        self._ask()
        if self._holder == holder:
            self._until = 0.0


@dataclasses.dataclass(frozen=True)
class Rules:
    """What the bus refuses, from some moment on.

    :param since: the moment
    :param away: whether it refuses everything
    :param topics: topics that it refuses
    :param ids: messages that it refuses
    """

    since: float
    away: bool
    topics: frozenset[str]
    ids: frozenset[int]

    def own(self, stored: Stored) -> bool:
        """Tell whether a message is refused for what it is."""
        return stored.topic in self.topics or stored.id in self.ids


class Bus:
    """Stands for the transport.

    :param world: the clock
    :param database: knows the messages
    :param arrived: called with each message that comes for the first time
    """

    def __init__(
        self,
        world: worlds.World,
        database: Database,
        arrived: Callable[[Stored], None],
    ) -> None:
        self._world = world
        self._database = database
        self._arrived = arrived
        self.away: Error | None = None
        self.topics: dict[str, Error] = {}
        self.ids: dict[int, Error] = {}
        self.hanging: set[str] = set()
        self.lost_answers = 0
        self.disorder: list[str] = []
        # After so many seconds a publication that hangs fails.
        self.gives_up = 65.0
        # How long an answer takes, and for some topics.
        self.seconds = _BUS
        self.slow: dict[str, float] = {}
        self.most_hung = 0
        self._hung: dict[worlds.Sleeper, Collection[str]] = {}
        self._verdict: dict[worlds.Sleeper, Error] = {}
        self.history = [Rules(world.now, False, frozenset(), frozenset())]

    def changed(self) -> None:
        """Note that the rules are others now."""
        self.history.append(
            Rules(
                self._world.now,
                self.away is not None,
                frozenset(self.topics),
                frozenset(self.ids),
            )
        )

    def release(self, name: str, error: Error | None) -> None:
        """End the publications that hang because of a subject or a topic.

        :param name: the subject or the topic
        :param error: how they end; None to go on
        """
        self.hanging.discard(name)
        for sleeper, names in list(self._hung.items()):
            if name in names:
                del self._hung[sleeper]
                if error is not None:
                    self._verdict[sleeper] = error
                self._world.wake(sleeper)

    def _send_notification(
        self, target: Any, context: Any, body: Any, version: Any, retry: Any
    ) -> None:
        topic = target.topic.partition('.')[2]
        self._world.let_pass(self.slow.get(topic, self.seconds))
        stored = self._database.messages[int(body['message_id'])]
        try:
            self._hang(stored)
            self._check(topic, stored.id)
        except Exception:
            if stored.refused_at is None:
                stored.refused_at = self._world.now
            rules = self.history[-1]
            stored.strange += not (rules.away or rules.own(stored))
            raise
        self._take(stored)
        if self.lost_answers:
            self.lost_answers -= 1
            stored.strange += 1
            raise OSError('the answer of the bus was lost')

    def _hang(self, stored: Stored) -> None:
        end = self._world.now + self.gives_up
        while names := self.hanging & {stored.subject, stored.topic}:
            if self._world.now >= end:
                raise TimeoutError
            sleeper = self._world.sleeper(end - self._world.now)
            self._hung[sleeper] = names
            self.most_hung = max(self.most_hung, len(self._hung))
            self._world.wait()
            self._hung.pop(sleeper, None)
            error = self._verdict.pop(sleeper, None)
            if error is not None:
                raise error()

    def _check(self, topic: str, id: int) -> None:
        for error in (self.away, self.topics.get(topic), self.ids.get(id)):
            if error is not None:
                raise error()

    def _take(self, stored: Stored) -> None:
        if stored.published:
            return
        for before in self._database.of[stored.subject]:
            if before is stored:
                break
            if not (before.published or before.aside or stored.aside):
                self.disorder.append(
                    f'{guarantees.I2} {stored.id} came before {before.id}'
                )
        self._arrived(stored)
        stored.published = True
        stored.arrived_at = self._world.now

    def refused_by_itself(self, stored: Stored, gap: float) -> float:
        """Return for how long a message was refused for what it is.

        What happens between two others that pass is seen by the second. So
        for each change of the rules it may look ``gap`` seconds longer.

        :param stored: the message
        :param gap: how long
        """
        assert stored.refused_at is not None
        found = gap * stored.strange
        ends = [rules.since for rules in self.history[1:]] + [self._world.now]
        before = None
        for rules, end in zip(self.history, ends, strict=True):
            if end < stored.refused_at:
                continue
            if not rules.away and rules.own(stored):
                found += end - max(rules.since, stored.refused_at)
            kind = (rules.away, rules.own(stored))
            found += gap * (before is not None and kind != before)
            before = kind
        return found
