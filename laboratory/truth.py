# SPDX-License-Identifier: Apache-2.0
"""Compare notifications with what really happened, exactly.

A trigger in Ironic's database sees every change of a provision state that
was committed. With these changes as the truth, each of them and each
notification gets exactly one name. Always true::

    received == in_order + out_of_order + illegal + unexpected
    expected == in_order + out_of_order + lost + announced_wrongly

Both are sequences of steps (previous state, new state) of a node. Their
longest common subsequence was announced *in order*. Of the rest, a
notification of a step that the machine does not make (*illegal*) announces the
first change left that its previous state and its event lead to: that change is
not lost, but ``announced_wrongly``. Every other one is matched with the first
change left that is the same step (*out of order*). Notifications that are left
are *unexpected*, changes that are left are *lost*. A repeated message id is a
*duplicate*, and not counted as received.
"""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs


class Change(NamedTuple):
    node: str
    previous_state: str | None
    state: str | None


class Row(NamedTuple):
    """One fault; its name is one of those above."""

    node: str
    name: str
    change: Change | None
    observation: obs.Observation | None


@dataclasses.dataclass(frozen=True)
class Account:
    """The balance of changes and notifications, see the module."""

    expected: int = 0
    received: int = 0
    in_order: int = 0
    out_of_order: int = 0
    illegal: int = 0
    announced_wrongly: int = 0
    unexpected: int = 0
    duplicate: int = 0
    lost: int = 0
    rows: tuple[Row, ...] = dataclasses.field(default=(), repr=False)

    def as_dict(self) -> dict[str, int]:
        return {k: n for k, n in vars(self).items() if k != 'rows'}


def _announced(
    seen: obs.Observation, open_changes: Sequence[Change]
) -> Change | None:
    """Find the change that a notification of an illegal step announces."""
    previous, event, state = seen.previous_state, seen.event, seen.state
    wanted = {(previous, other) for other in machine.results(previous, event)}
    sources = {previous, *machine.sources(event, state)}
    for steps in (wanted, {(source, state) for source in sources}):
        for change in open_changes:
            if change[1:] in steps:
                return change
    return None


def _compare_node(
    node: str, changes: list[Change], seen: list[obs.Observation]
) -> tuple[collections.Counter[str], list[Row]]:
    """Count what is right, and name what is wrong, of one node."""
    rows: list[Row] = []
    ids: set[str] = set()
    legal: list[obs.Observation] = []
    illegal: list[obs.Observation] = []
    for one in seen:
        if one.message_id is not None and one.message_id in ids:
            rows.append(Row(node, 'duplicate', None, one))
            continue
        ids.add(one.message_id or '')
        verdict = machine.judge(one.previous_state, one.event, one.state)
        wrong = verdict is machine.Verdict.ILLEGAL
        (illegal if wrong else legal).append(one)
    blocks = LCSseq.opcodes(
        [change[1:] for change in changes],
        [(one.previous_state, one.state) for one in legal],
    ).as_matching_blocks()
    matched = {block.a + i for block in blocks for i in range(block.size)}
    placed = {block.b + i for block in blocks for i in range(block.size)}
    left = [c for i, c in enumerate(changes) if i not in matched]
    wrongly = 0
    for one in illegal:
        change = _announced(one, left)
        if change is not None:
            left.remove(change)
            wrongly += 1
        rows.append(Row(node, 'illegal', change, one))
    for j, one in enumerate(legal):
        if j in placed:
            continue
        step = Change(node, one.previous_state, one.state)
        if step in left:
            left.remove(step)
            rows.append(Row(node, 'out of order', step, one))
        else:
            rows.append(Row(node, 'unexpected', None, one))
    rows.extend(Row(node, 'lost', change, None) for change in left)
    counts = collections.Counter(row.name.replace(' ', '_') for row in rows)
    counts.update(
        expected=len(changes),
        received=len(legal) + len(illegal),
        in_order=len(placed),
        announced_wrongly=wrongly,
    )
    return counts, rows


def compare(
    changes: Iterable[Sequence[str | None]],
    observations: Iterable[obs.Observation | obs.Malformed | obs.Ignored],
) -> Account:
    """Compare what was received with (node, state before, state) in order."""
    truth: dict[str, list[Change]] = {}
    for node, previous, state in changes:
        change = Change(str(node), previous, state)
        truth.setdefault(change.node, []).append(change)
    seen: dict[str, list[obs.Observation]] = {}
    for one in observations:
        if isinstance(one, obs.Observation) and one.kind == 'provision_set':
            seen.setdefault(one.node, []).append(one)
    total: collections.Counter[str] = collections.Counter()
    rows: list[Row] = []
    for node in {**truth, **seen}:
        own = truth.get(node, []), seen.get(node, [])
        counts, faults = _compare_node(node, *own)
        total += counts
        rows += faults
    return Account(**total, rows=tuple(rows))
