# SPDX-License-Identifier: Apache-2.0
"""What came of one half of a soak, what must hold, and why things were lost.

Pure: judged after the run. The audit says *that* something was lost; here the
times say *when*. Notifications of a node are made while it is locked, so that
each is younger than its change, and older than the next one of the node.
"""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import re
import time
from typing import NamedTuple

from ironic_async_events.audit import observation
from laboratory import truth
from laboratory import wanderer
from laboratory import witness
from laboratory.soak import faults

# It takes milliseconds to log and to publish what was saved; on a busy machine
# not more than this.
_PUBLISHING = 5.0
# Between a statement and its commit, and between two clocks of one machine.
_SLACK = 0.5
# A conductor finds the broker again after pauses that grow up to this.
_BACK_OFF = 30.0

KILLED = 'killed between save and publish'
GIVEN_UP = 'the broker was away, and oslo.messaging gave it up'
ANSWER = 'the answer to the commit was lost with the database'
UNKNOWN = 'unexplained'

MOVED = re.compile(
    r'^(?P<at>\S+ \S+) .*Node (?P<node>\S+) moved to provision state '
    r'"(?P<state>[^"]*)" from state "(?P<previous>[^"]*)"'
)
"""What a conductor logs about a change once it is saved."""

UNSENT = re.compile(
    r'^(?P<at>\S+ \S+) .*Could not send notification to .*'
    r"'previous_provision_state': '(?P<previous>[^']*)'.*"
    r"'provision_state': '(?P<state>[^']*)'.*"
    r"'uuid': '(?P<node>[^']*)'"
)
"""What oslo.messaging logs about a notification that it gives up."""


class Logged(NamedTuple):
    """What a conductor has logged about a change: states before and after."""

    conductor: int
    at: float
    node: str
    step: tuple[str | None, str | None]


def logged(pattern: re.Pattern[str], logs: Iterable[str]) -> list[Logged]:
    return [
        Logged(
            conductor,
            datetime.datetime.fromisoformat(match['at']).timestamp(),
            match['node'],
            (match['previous'], match['state']),
        )
        for conductor, text in enumerate(logs)
        for match in map(pattern.match, text.splitlines())
        if match
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    change: witness.Seen
    fault: faults.Struck | None
    reason: str

    def __str__(self) -> str:
        steps = ' -> '.join(map(str, self.change.step))
        return f'{self.change.node} {steps}: {self.reason}'


def unannounced(
    changes: Iterable[witness.Seen],
    observations: Iterable[observation.Observation],
) -> list[witness.Seen]:
    """Find the changes that nobody announced, by time."""
    left: dict[str, list[witness.Seen]] = collections.defaultdict(list)
    for change in changes:
        left[change.node].append(change)
    announced: set[int] = set()
    for one in observations:
        # The last change before it.
        before = [x for x in left[one.node] if x.seen_at <= (one.time or 0.0)]
        if before and before[-1].step == (one.previous_state, one.state):
            announced.add(before[-1].id)
    return [x for own in left.values() for x in own if x.id not in announced]


def explain(
    change: witness.Seen,
    struck: Iterable[faults.Struck],
    moved: Iterable[Logged],
    given_up: Iterable[Logged],
) -> Lost:
    """Say in which fault the notification of a change was lost, and why."""
    saved = _line_of(change, moved)
    # It looks for another connection first.
    unsent = _line_of(change, given_up, _BACK_OFF)
    for fault in struck:
        reason = _reason(change.seen_at, fault, saved, unsent is not None)
        if reason:
            return Lost(change, fault, reason)
    return Lost(change, None, UNKNOWN)


def _line_of(
    change: witness.Seen, lines: Iterable[Logged], seconds: float = _PUBLISHING
) -> Logged | None:
    """Find what a log says about a change, by step and time."""
    for line in lines:
        if (line.node, line.step) == (
            change.node,
            change.step,
        ) and -_SLACK < line.at - change.seen_at < seconds:
            return line
    return None


def _reason(
    at: float, fault: faults.Struck, saved: Logged | None, unsent: bool
) -> str | None:
    """Say why a notification was lost in a fault; None: not in this one."""
    after, late = at - fault.began, at - fault.ended
    if fault.name == faults.BROKER:
        within = after >= -_SLACK and late <= _BACK_OFF
        return GIVEN_UP if unsent and within else None
    if unsent:
        return None
    if fault.name == faults.KILL:
        by_it = saved is None or saved.conductor == fault.victim
        return KILLED if by_it and -_PUBLISHING <= after <= _SLACK else None
    # Whoever knows that it is saved logs it.
    if fault.name == faults.DATABASE and saved is None:
        return ANSWER if after >= -_SLACK and late <= _SLACK else None
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """A node that is locked or at work when nobody works on it any more."""

    node: str
    state: str
    reservation: str | None
    since: float
    fault: faults.Struck | None

    def __str__(self) -> str:
        locked = f', locked by {self.reservation}' if self.reservation else ''
        at = time.strftime('%H:%M:%S', time.localtime(self.since))
        return f'{self.node} in {self.state!r}{locked}, since {at}'


def worker_lost_in(
    since: float, locked: bool, struck: Iterable[faults.Struck]
) -> faults.Struck | None:
    """Return the fault in which the worker of a node was lost.

    A worker dies with its conductor, and cannot save anything without the
    database; nothing else is a reason to leave a node. The locks of a
    conductor that was killed are gone when it has come back.
    """
    may_be = (faults.DATABASE,) if locked else (faults.KILL, faults.DATABASE)
    for fault in struck:
        if fault.name in may_be and fault.ended + _SLACK >= since:
            return fault
    return None


def not_saved(
    operations: Iterable[wanderer.Operation], changes: Iterable[witness.Seen]
) -> list[wanderer.Operation]:
    times: dict[str, list[float]] = collections.defaultdict(list)
    for change in changes:
        times[change.node].append(change.seen_at)
    return [
        one
        for one in operations
        if not any(
            one.asked_at <= at <= (one.ended_at or float('inf'))
            for at in times[one.node]
        )
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What came of one half.

    :param may_lose: whether notifications may be lost in a fault.
    :param left: nodes that waited for a restart of their conductor.
    :param stranded: nodes that not even that has helped.
    """

    kind: str
    may_lose: bool
    struck: Sequence[faults.Struck]
    operations: Sequence[wanderer.Operation]
    refused: Sequence[int]
    not_saved: Sequence[wanderer.Operation]
    books: truth.Account
    lost: Sequence[Lost]
    left: Sequence[Left]
    stranded: Sequence[Left]
    drained: bool

    @property
    def unaccounted(self) -> list[wanderer.Operation]:
        """What was accepted and neither ended nor failed with a reason."""
        return [one for one in self.operations if not one.is_accounted_for]

    def counts(self) -> dict[str, int]:
        books = self.books
        ended = sum(one.succeeded for one in self.operations)
        neither = len(self.unaccounted)
        by_reason = collections.Counter(one.reason for one in self.lost)
        return {
            'faults': len(self.struck),
            'operations accepted': len(self.operations),
            ' ended': ended,
            ' failed with a reason': len(self.operations) - ended - neither,
            ' neither': neither,
            ' nothing saved': len(self.not_saved),
            'requests turned away': len(self.refused),
            'nodes stranded': len(self.stranded),
            'nodes left for a restart': len(self.left),
            'locks left': sum(bool(one.reservation) for one in self.left),
            'notifications expected': books.expected,
            ' received': books.received,
            ' repeated': books.duplicate,
            ' out of order': books.out_of_order,
            ' illegal': books.illegal,
            ' unexpected': books.unexpected,
            ' lost': books.lost,
            '  killed before publish': by_reason[KILLED],
            '  broker away': by_reason[GIVEN_UP],
            "  commit's answer lost": by_reason[ANSWER],
            '  unexplained': by_reason[UNKNOWN],
        }

    def violations(self) -> list[str]:
        books = self.books
        no_reason = [x for x in self.left if x.fault is None]
        lost = [x for x in self.lost if not self.may_lose or x.fault is None]
        wrong = [
            f'node {row.node}: {row.name}: {row.observation}'
            for row in books.rows
            if row.name not in ('lost', 'duplicate')
        ]
        idle = [x for x in self.struck if not x.took_effect]
        found = [
            ('stranded', self.stranded),
            ('a lock is left', [x for x in self.left if x.reservation]),
            ('no fault has taken its worker', no_reason),
            (
                'was accepted, and neither ended nor failed with a reason',
                self.unaccounted,
            ),
            ('was accepted, and saved nothing', self.not_saved),
            ('never announced', lost),
            ('a wrong notification', wrong),
            (
                'a fault that was none',
                [f'{x.number}, {x}: {x.note}' for x in idle],
            ),
        ]
        lines = [f'{what}: {one}' for what, those in found for one in those]
        if len(self.lost) != books.lost:
            lines.append(
                f'the audit has {books.lost} lost, by their times it is '
                f'{len(self.lost)}'
            )
        if not self.drained:
            lines.append('the outbox is not empty')
        if not books.received:
            lines.append('nothing was announced at all')
        return lines

    def by_fault(self) -> list[str]:
        lines = []
        for fault in self.struck:
            lines.append(f'{fault.number:>3} {fault!s:<26} {fault.note}')
            for what, those in (
                ('lost', self.lost),
                ('left for a restart', self.left),
            ):
                lines += [
                    f'      {what}: {x}' for x in those if x.fault == fault
                ]
        return lines
