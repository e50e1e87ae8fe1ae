# SPDX-License-Identifier: Apache-2.0
"""The checker: observations in, violations out.

Memory is bounded by the number of nodes. Each node keeps the end of its chain
of states, and at most eight notifications while one of them does not fit. The
message ids of all nodes have a constant bound
(:mod:`~ironic_async_events.audit.memory`).

The page of the command ``audit`` says what the checker cannot know.
"""

import dataclasses

from ironic_async_events.audit import chain
from ironic_async_events.audit import links
from ironic_async_events.audit import machine
from ironic_async_events.audit import memory
from ironic_async_events.audit import numbers
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import operations
from ironic_async_events.audit.operations import Key
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: After this number, a 1 with another message id belongs to a new node.
_FAR = 32


@dataclasses.dataclass(slots=True)
class _Track:
    """The chain of a node's notifications of one kind."""

    created: str | None
    chain: chain.Chain | numbers.NumberedChain


class Checker:
    """Apply the rules to a stream; used by one thread at a time.

    The methods return the violations that are now known, of any node.
    The notifications are the clock (:attr:`Observation.when`), so a recording
    is judged as in real time. A caller that listens to a bus also calls
    :meth:`advance`, because time passes without notifications.

    :param unfinished_after: seconds after which a started operation should
        have ended; None for no limit.
    :param hold: seconds for which a notification that does not fit is held
        before its predecessor counts as lost.
    """

    def __init__(
        self, unfinished_after: float | None = None, hold: float = 10.0
    ) -> None:
        if unfinished_after is None:
            unfinished_after = float('inf')
        self._unfinished_after = unfinished_after
        self._hold = hold
        self._now = 0.0
        self._tracks: dict[Key, _Track] = {}
        self._ids = memory.RecentIds()
        # Sorted by time, because time only advances.
        self._held: dict[Key, float] = {}
        self._unfinished = operations.Unfinished()

    @property
    def nodes(self) -> int:
        """Number of nodes that are known now."""
        return len({node for _kind, node in self._tracks})

    @property
    def held(self) -> int:
        """Number of nodes with held notifications."""
        return len(self._held)

    def add(self, seen: obs.Seen) -> list[Violation]:
        """Add an observation; what else a message is, is ignored."""
        if not isinstance(seen, obs.Observation):
            return []
        violations: list[Violation] = []
        when = seen.when
        if when is not None and when > self._now:
            self._now = when
            violations = self._overdue()
        if seen.message_id is not None and self._ids.repeats(seen.message_id):
            detail = f'message {seen.message_id} was received before'
            return [*violations, Violation(Kind.DUPLICATE, seen, detail)]
        if seen.kind == 'create' or seen.kind == 'delete':
            return violations + self._life(seen)
        key = (seen.kind, seen.node)
        track = self._tracks.get(key)
        if track is None:
            track = self._begin(key, seen)
        elif _is_another(track, seen):
            violations += self._close(key)
            track = self._begin(key, seen)
        violations += _illegal(seen)
        violations += track.chain.add(seen)
        self._note(key, track)
        return violations

    def advance(self, now: float) -> list[Violation]:
        """Advance the clock of the notifications, in seconds since 1970."""
        self._now = max(self._now, now)
        return self._overdue()

    def finish(self, complete: bool = False) -> list[Violation]:
        """End the check: decide on held notifications and on operations.

        :param complete: True if all operations should have ended, so that
            every node at work is unfinished.
        """
        violations: list[Violation] = []
        for key in list(self._held):
            violations += self._settle(key)
        after = 0 if complete else self._unfinished_after
        return violations + self._unfinished.overdue(self._now, after)

    def _begin(
        self, key: Key, seen: obs.Observation, ends: links.Ends = None
    ) -> _Track:
        """Begin the track of a new node."""
        line: chain.Chain | numbers.NumberedChain = chain.Chain(ends)
        if seen.sequence is not None:
            line = numbers.NumberedChain()
        track = self._tracks[key] = _Track(seen.created, line)
        return track

    def _life(self, seen: obs.Observation) -> list[Violation]:
        """Handle the creation or deletion of a node."""
        if seen.status != 'end':
            return []
        key = ('provision_set', seen.node)
        if seen.kind == 'delete':
            numbered = ('provision_event', seen.node)
            return self._close(key) + self._close(numbered)
        track = self._tracks.get(key)
        # The API announces a creation, the conductor announces the next steps:
        # notifications of the conductor may have come first.
        if track is not None and track.created == seen.created:
            return []
        violations = self._close(key)
        self._begin(key, seen, (seen.state,))
        return violations

    def _close(self, key: Key) -> list[Violation]:
        """Forget a node; none of its operations can be unfinished."""
        violations = self._settle(key)
        self._unfinished.end(key)
        self._tracks.pop(key, None)
        return violations

    def _note(self, key: Key, track: _Track) -> None:
        """Note whether the node has held notifications, or is at work."""
        if track.chain.window:
            self._held.setdefault(key, self._now)
            return
        self._held.pop(key, None)
        if track.chain.last is not None:
            self._unfinished.note(key, track.chain.last, self._now)

    def _settle(self, key: Key) -> list[Violation]:
        """Decide on the held notifications of a node."""
        if self._held.pop(key, None) is None:
            return []
        track = self._tracks[key]
        violations = track.chain.settle()
        self._note(key, track)
        return violations

    def _overdue(self) -> list[Violation]:
        """Decide on notifications and operations whose time is over."""
        violations: list[Violation] = []
        while self._held:
            key, since = next(iter(self._held.items()))
            if self._now - since < self._hold:
                break
            violations += self._settle(key)
        return violations + self._unfinished.overdue(
            self._now, self._unfinished_after
        )


def _is_another(track: _Track, seen: obs.Observation) -> bool:
    """Return whether the node was re-created without a notification."""
    if track.created is None:
        track.created = seen.created
    elif seen.created is not None and seen.created != track.created:
        return True
    last = track.chain.last
    if seen.sequence != 1 or last is None or not last.sequence:
        return False
    # Only a new node begins with 1 again. After few numbers a 1 may be a
    # repeat, unless its previous state belongs to a new node only.
    return last.sequence > _FAR or links.link(seen).reborn((last.state,))


def _illegal(seen: obs.Observation) -> list[Violation]:
    """Return a violation if the machine does not allow a transition."""
    previous, event, state = seen.previous_state, seen.event, seen.state
    verdict = machine.judge(previous, event, state)
    if verdict is not machine.Verdict.ILLEGAL:
        return []
    right = ' or '.join(machine.results(previous, event)) or 'nothing'
    detail = f'{event!r} makes {right} of {previous!r}, not {state!r}'
    return [Violation(Kind.ILLEGAL, seen, detail)]
