# SPDX-License-Identifier: Apache-2.0
"""Notifications in, violations out: the audit's streaming checker.

:class:`Checker` takes one observation after the other and returns the
violations that are known by then. What it keeps is bounded by the number of
nodes: for each node, where its chain of states ends, and at most eight
notifications while something does not fit. The message ids of all nodes
together have a bound of their own, a constant
(:mod:`~ironic_async_events.audit.ids`).

What can be known from notifications alone has limits, and they are these:

* A node's first notification is believed: what was lost before it, was lost
  before the audit began.
* The last notification of a node, when lost, shows only if an operation stays
  *unfinished* by it.
* After a loss it is known where the node was and where it is, but not how it
  came there: a gap counts once; the fewest notifications that can be missing
  are said with it.
* If a node goes round in circles (inspected again and again), a whole round
  that was lost leaves no trace.
* A repetition shares its message id with a message among the last 32,768 of
  all nodes. One that comes later, or without an id, is read as a notification
  of its own.

With sequence numbers only the second and the last of them remain.
"""

from collections.abc import Iterable

from ironic_async_events.audit import chain
from ironic_async_events.audit import ids
from ironic_async_events.audit import links
from ironic_async_events.audit import machine
from ironic_async_events.audit import numbers
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import tracks
from ironic_async_events.audit import work
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: A numbered node that has come this far does not repeat its first number
#: under another message id: a node that begins with 1 again is another node.
_FAR = 32


class Checker:
    """The rules, applied to a stream; used by one thread at a time.

    Time is what the notifications say (:attr:`Observation.when`), so that a
    recording is judged as it was lived. Who listens to a bus calls
    :meth:`advance` as well, because silence is news too.

    :param unfinished_after: seconds after which an operation that started
        should have ended; None to expect no end.
    :param hold: seconds for which a notification that does not fit is held
        before its predecessor is given up.
    """

    def __init__(
        self, unfinished_after: float | None = None, hold: float = 10.0
    ) -> None:
        self._unfinished_after = unfinished_after
        self._hold = hold
        self._now = 0.0
        self._tracks: dict[tuple[str, str], tracks.Track] = {}
        self._ids = ids.RecentIds()
        # Both in the order of their times, because time only advances.
        self._held: dict[tuple[str, str], float] = {}
        self._work = work.Work()

    @property
    def nodes(self) -> int:
        """How many nodes are known at present."""
        return len({node for _kind, node in self._tracks})

    @property
    def held(self) -> int:
        """How many nodes have a notification that does not fit yet."""
        return len(self._held)

    def add(
        self, seen: obs.Observation | obs.Malformed | obs.Ignored
    ) -> list[Violation]:
        """Take one more observation.

        :param seen: the observation; anything else is passed over.
        :returns: the violations that are now known, of whatever node.
        """
        if not isinstance(seen, obs.Observation):
            return []
        violations: list[Violation] = []
        when = seen.when
        if when is not None and when > self._now:
            self._now = when
            violations = self._overdue()
        if seen.message_id is not None and self._ids.repeats(seen.message_id):
            detail = f'message {seen.message_id} was received before'
            violations.append(
                Violation(Kind.DUPLICATE, seen.node, seen, detail)
            )
            return violations
        if seen.kind == 'create' or seen.kind == 'delete':
            return violations + self._life(seen)
        key = (seen.kind, seen.node)
        track = self._tracks.get(key)
        if track is None:
            track = self._begin(key, seen)
        if self._is_another(track, seen):
            violations += self._close(key)
            track = self._begin(key, seen)
        legal = self._legal(seen, violations)
        line = track.chain
        if isinstance(line, numbers.NumberedChain):
            # One without a number among numbered ones cannot be placed.
            if seen.sequence is not None:
                violations += line.add(seen, seen.sequence)
        else:
            violations += line.add(seen, legal)
        self._note(key, line)
        return violations

    def advance(self, now: float) -> list[Violation]:
        """Let time pass without a notification.

        :param now: seconds since 1970, by the clock of the notifications.
        :returns: the violations that are now known.
        """
        self._now = max(self._now, now)
        return self._overdue()

    def finish(self, complete: bool = False) -> list[Violation]:
        """Say that nothing more will come.

        :param complete: True if all operations ended before the end of what
            was recorded, so that a node at work is unfinished at any age.
        :returns: the violations that are now known: what was held is decided
            on, and what started too long ago is unfinished.
        """
        violations: list[Violation] = []
        for key in list(self._held):
            violations += self._settle(key)
        return violations + self._unfinished(0 if complete else None)

    @staticmethod
    def _is_another(track: tracks.Track, seen: obs.Observation) -> bool:
        """Say whether a node was deleted and created again, unannounced."""
        if track.created is None:
            track.created = seen.created
        elif seen.created is not None and seen.created != track.created:
            return True
        last = track.chain.last
        if seen.sequence != 1 or last is None or not last.sequence:
            return False
        # Numbers begin anew for a new node alone. One whose last number was
        # this one is not told from a repetition unless its state says so.
        return last.sequence > _FAR or (
            seen.previous_state == links.BIRTH
            and machine.distance(last.state, links.BIRTH) is None
        )

    def _begin(
        self,
        key: tuple[str, str],
        seen: obs.Observation,
        ends: tuple[str | None, ...] | None = None,
    ) -> tracks.Track:
        """Begin the track of a node that is new here."""
        line: chain.Chain | numbers.NumberedChain
        if seen.sequence is not None:
            line = numbers.NumberedChain()
        else:
            line = chain.Chain(ends)
        track = self._tracks[key] = tracks.Track(seen.created, line)
        return track

    def _life(self, seen: obs.Observation) -> list[Violation]:
        """Take the creation or deletion of a node."""
        if seen.status != 'end':
            return []
        violations: list[Violation] = []
        key = ('provision_set', seen.node)
        if seen.kind == 'delete':
            for old in (key, ('provision_event', seen.node)):
                violations += self._close(old)
            return violations
        track = self._tracks.get(key)
        # The API announces a creation, the conductor what follows: the first
        # steps of the new node may be here already.
        if track is None or track.created != seen.created:
            violations += self._close(key)
            self._begin(key, seen, (seen.state,))
        return violations

    def _close(self, key: tuple[str, str]) -> list[Violation]:
        """End the life of a node: nothing of it can be unfinished."""
        violations = self._settle(key)
        self._work.end(key)
        self._tracks.pop(key, None)
        return violations

    def _legal(
        self, seen: obs.Observation, violations: list[Violation]
    ) -> bool:
        """Judge a step by itself."""
        previous, event, state = seen.previous_state, seen.event, seen.state
        verdict = machine.judge(previous, event, state)
        if verdict is not machine.Verdict.ILLEGAL:
            return True
        right = ' or '.join(machine.results(previous, event)) or 'nothing'
        detail = f'{event!r} makes {right} of {previous!r}, not {state!r}'
        violations.append(Violation(Kind.ILLEGAL, seen.node, seen, detail))
        return False

    def _note(
        self,
        key: tuple[str, str],
        line: chain.Chain | numbers.NumberedChain,
    ) -> None:
        """Keep the books on what is held and what is at work."""
        if line.window:
            self._held.setdefault(key, self._now)
            return
        if self._held:
            self._held.pop(key, None)
        if line.last is not None:
            self._work.note(key, line.last, self._now)

    def _settle(self, key: tuple[str, str]) -> list[Violation]:
        """Decide on what is held of a node."""
        if self._held.pop(key, None) is None:
            return []
        line = self._tracks[key].chain
        violations = line.settle()
        self._note(key, line)
        return violations

    def _overdue(self) -> list[Violation]:
        """Act on what has waited long enough."""
        violations: list[Violation] = []
        while self._held:
            key, since = next(iter(self._held.items()))
            if self._now - since < self._hold:
                break
            violations += self._settle(key)
        return violations + self._unfinished()

    def _unfinished(self, after: float | None = None) -> list[Violation]:
        """Report, once each, the operations that should have ended."""
        if after is None:
            after = self._unfinished_after
        if after is None:
            return []
        return self._work.overdue(self._now, after)


def check(
    observations: Iterable[obs.Observation | obs.Malformed | obs.Ignored],
    unfinished_after: float | None = None,
    complete: bool = False,
) -> list[Violation]:
    """Check a whole recording.

    :param observations: what was received, in the order of reception.
    :param unfinished_after: as for :class:`Checker`.
    :param complete: as for :meth:`Checker.finish`.
    :returns: all violations.
    """
    checker = Checker(unfinished_after)
    violations: list[Violation] = []
    for seen in observations:
        violations += checker.add(seen)
    return violations + checker.finish(complete)
