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

from ironic_async_events.audit import observation
from laboratory import witness
from laboratory.soak import faults
from laboratory.soak import load
from laboratory.soak import logs

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


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    """One change that nobody announced.

    :param change: the change.
    :param fault: the fault in which its notification was lost.
    :param reason: why, one of the constants above.
    :param evidence: what the logs say about it.
    """

    change: witness.Seen
    fault: faults.Struck | None
    reason: str
    evidence: str


def unannounced(
    changes: Iterable[witness.Seen],
    observations: Iterable[observation.Observation],
) -> list[witness.Seen]:
    """Find the changes that nobody announced, by time.

    :param changes: what was committed, in the order of the commits.
    :param observations: what was received about these nodes.
    """
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
    moved: Iterable[logs.Line],
    given_up: Iterable[logs.Line],
) -> Lost:
    """Say in which fault the notification of a change was lost, and why.

    :param change: a change that nobody announced.
    :param struck: the faults of the run.
    :param moved: the changes of this node that the conductors have logged.
    :param given_up: the notifications that oslo.messaging has not sent.
    """
    logged = _line_of(change, moved)
    evidence = 'no conductor logged the change'
    if logged is not None:
        evidence = (
            f'logged by conductor {logged.conductor} '
            f'{(logged.at - change.seen_at) * 1000:.0f} ms after it was saved'
        )
    # It looks for another connection first.
    unsent = _line_of(change, given_up, _BACK_OFF)
    if unsent is not None:
        evidence += (
            f', "Could not send notification" '
            f'{(unsent.at - change.seen_at) * 1000:.0f} ms after it'
        )
    for fault in struck:
        reason = _reason(change, fault, logged, unsent)
        if reason:
            if reason == KILLED:
                early = (fault.began - change.seen_at) * 1000
                evidence += f', killed {early:.0f} ms after it'
            return Lost(change, fault, reason, evidence)
    return Lost(change, None, UNKNOWN, evidence)


def _step(change: witness.Seen) -> tuple[str | None, str | None]:
    return change.before_state, change.state


def _line_of(
    change: witness.Seen,
    lines: Iterable[logs.Line],
    seconds: float = _PUBLISHING,
) -> logs.Line | None:
    """Find what a log says about a change, by step and time."""
    for line in lines:
        if (
            line.node == change.node
            and (line.previous, line.state) == _step(change)
            and -_SLACK < line.at - change.seen_at < seconds
        ):
            return line
    return None


def _reason(
    change: witness.Seen,
    fault: faults.Struck,
    logged: logs.Line | None,
    unsent: logs.Line | None,
) -> str | None:
    """Say why a notification was lost in a fault; None: not in this one."""
    at = change.seen_at
    if fault.name == faults.BROKER:
        within = fault.began - _SLACK <= at <= fault.ended + _BACK_OFF
        return GIVEN_UP if within and unsent is not None else None
    if unsent is not None:
        return None
    if fault.name == faults.KILL:
        by_it = logged is None or logged.conductor == fault.victim
        in_time = fault.began - _PUBLISHING <= at <= fault.began + _SLACK
        return KILLED if by_it and in_time else None
    if fault.name == faults.DATABASE:
        within = fault.began - _SLACK <= at <= fault.ended + _SLACK
        # Whoever knows that it is saved logs it.
        return ANSWER if within and logged is None else None
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """One node that is locked or at work when nobody works on it any more.

    :param node: its UUID.
    :param state: its provision state.
    :param reservation: who has locked it.
    :param since: when its state changed last, or when it was locked, in
        seconds since the epoch.
    :param fault: in which its worker was lost.
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

    :param since: when the worker last had to do with the node.
    :param locked: whether the node is locked.
    :param struck: the faults of the run, in their order.
    """
    may_be = (faults.DATABASE,) if locked else (faults.KILL, faults.DATABASE)
    for fault in struck:
        if fault.name in may_be and fault.ended + _SLACK >= since:
            return fault
    return None


def not_saved(
    operations: Iterable[load.Operation], changes: Iterable[witness.Seen]
) -> list[load.Operation]:
    """Find operations that were accepted and changed nothing.

    :param operations: what was accepted.
    :param changes: what was committed.
    """
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
