# SPDX-License-Identifier: Apache-2.0
"""Which fault a lost notification was lost in, and why.

Pure: judged after the run. The audit says *that* something was lost; here the
times say *when*. Notifications of a node are made while it is locked, so that
each is younger than its change, and older than the next one of the node.
"""

import bisect
import collections
from collections.abc import Iterable
import dataclasses
import datetime
import re

from ironic_async_events.audit import observation
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


@dataclasses.dataclass(frozen=True, slots=True)
class Logged:
    """One line of the log of a conductor about a change.

    :param step: the provision states before and after.
    """

    conductor: int
    at: float
    node: str
    step: tuple[str | None, str | None]


def logged(pattern: re.Pattern[str], logs: Iterable[str]) -> list[Logged]:
    """Find what conductors have logged about changes.

    :param logs: one text for each conductor; the times in it are those of
        this machine.
    """
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
    """One change that nobody announced."""

    change: witness.Seen
    fault: faults.Struck | None
    reason: str
    evidence: str


def unannounced(
    changes: Iterable[witness.Seen],
    observations: Iterable[observation.Observation],
) -> list[witness.Seen]:
    """Find the changes that nobody announced, by time."""
    truth: dict[str, list[witness.Seen]] = collections.defaultdict(list)
    for change in changes:
        truth[change.node].append(change)
    announced: set[int] = set()
    for one in observations:
        own = truth.get(one.node, [])
        place = bisect.bisect_right(
            own, one.time or 0.0, key=lambda change: change.seen_at
        )
        step = (one.previous_state, one.state)
        if place and _step(own[place - 1]) == step:
            announced.add(own[place - 1].id)
    return [
        change
        for own in truth.values()
        for change in own
        if change.id not in announced
    ]


def explain(
    change: witness.Seen,
    struck: Iterable[faults.Struck],
    moved: Iterable[Logged],
    given_up: Iterable[Logged],
) -> Lost:
    """Say in which fault the notification of a change was lost, and why."""
    saved = _line_of(change, moved)
    evidence = 'no conductor logged the change'
    if saved is not None:
        evidence = (
            f'logged by conductor {saved.conductor} '
            f'{(saved.at - change.seen_at) * 1000:.0f} ms after it was saved'
        )
    # It looks for another connection first.
    unsent = _line_of(change, given_up, _BACK_OFF)
    if unsent is not None:
        evidence += (
            f', "Could not send notification" '
            f'{(unsent.at - change.seen_at) * 1000:.0f} ms after it'
        )
    for fault in struck:
        reason = _reason(change.seen_at, fault, saved, unsent)
        if reason:
            if reason == KILLED:
                early = (fault.began - change.seen_at) * 1000
                evidence += f', killed {early:.0f} ms after it'
            return Lost(change, fault, reason, evidence)
    return Lost(change, None, UNKNOWN, evidence)


def _step(change: witness.Seen) -> tuple[str | None, str | None]:
    return change.before_state, change.state


def _line_of(
    change: witness.Seen, lines: Iterable[Logged], seconds: float = _PUBLISHING
) -> Logged | None:
    """Find what a log says about a change, by step and time."""
    for line in lines:
        if (
            line.node == change.node
            and line.step == _step(change)
            and -_SLACK < line.at - change.seen_at < seconds
        ):
            return line
    return None


def _reason(
    at: float,
    fault: faults.Struck,
    saved: Logged | None,
    unsent: Logged | None,
) -> str | None:
    """Say why a notification was lost in a fault; None: not in this one."""
    after = at - fault.began
    if fault.name == faults.BROKER:
        within = after >= -_SLACK and at <= fault.ended + _BACK_OFF
        return GIVEN_UP if within and unsent is not None else None
    if unsent is not None:
        return None
    if fault.name == faults.KILL:
        by_it = saved is None or saved.conductor == fault.victim
        in_time = -_PUBLISHING <= after <= _SLACK
        return KILLED if by_it and in_time else None
    if fault.name == faults.DATABASE:
        within = after >= -_SLACK and at <= fault.ended + _SLACK
        # Whoever knows that it is saved logs it.
        return ANSWER if within and saved is None else None
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """One node that is locked or at work when nobody works on it any more.

    :param since: when its state changed last, or when it was locked, in
        seconds since the epoch.
    """

    node: str
    state: str
    reservation: str | None
    since: float
    fault: faults.Struck | None


def worker_lost_in(
    since: float, locked: bool, struck: Iterable[faults.Struck]
) -> faults.Struck | None:
    """Return the fault in which the worker of a node was lost.

    A worker dies with its conductor, and cannot save anything without the
    database; nothing else is a reason to leave a node. The locks of a
    conductor that was killed are gone when it has come back.

    :param locked: whether the node is locked.
    """
    may_be = (faults.DATABASE,) if locked else (faults.KILL, faults.DATABASE)
    for fault in struck:
        if fault.name in may_be and fault.ended + _SLACK >= since:
            return fault
    return None


def not_saved(
    operations: Iterable[wanderer.Operation], changes: Iterable[witness.Seen]
) -> list[wanderer.Operation]:
    """Find operations that were accepted and changed nothing."""
    times: dict[str, list[float]] = collections.defaultdict(list)
    for change in changes:
        times[change.node].append(change.seen_at)
    found = []
    for one in operations:
        own = times[one.node]
        place = bisect.bisect_left(own, one.asked_at)
        until = float('inf') if one.ended_at is None else one.ended_at
        if place == len(own) or own[place] > until:
            found.append(one)
    return found
