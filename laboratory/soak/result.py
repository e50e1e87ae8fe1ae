# SPDX-License-Identifier: Apache-2.0
"""What came of one half of a soak: the figures, and what must hold."""

import collections
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import time
from typing import Any

from laboratory import truth
from laboratory.soak import account
from laboratory.soak import faults
from laboratory.soak import load


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of it.

    :param kind: without the outbox, or with it.
    :param minutes: of load.
    :param seed: of the run.
    :param struck: the faults.
    :param operations: what was accepted.
    :param refused: how many requests had another answer, by code.
    :param not_saved: operations that were accepted and changed nothing.
    :param books: the audit's account of the notifications.
    :param lost: what nobody announced, with fault and reason.
    :param left: nodes that waited for a restart of their conductor.
    :param stranded: nodes that not even that has helped.
    :param drained: whether the outbox is empty.
    :param said: what the logs said last about nodes that were left.
    """

    kind: str
    minutes: float
    seed: int
    struck: Sequence[faults.Struck]
    operations: Sequence[load.Operation]
    refused: Mapping[int, int]
    not_saved: Sequence[load.Operation]
    books: truth.Account
    lost: Sequence[account.Lost]
    left: Sequence[account.Left]
    stranded: Sequence[account.Left]
    drained: bool
    said: Mapping[str, Sequence[str]]

    @property
    def unaccounted(self) -> list[load.Operation]:
        """What was accepted and neither ended nor failed with a reason."""
        return [one for one in self.operations if not one.is_accounted_for]

    def counts(self) -> dict[str, int]:
        """Return the rows of the table."""
        books = self.books
        ended = [one for one in self.operations if one.succeeded]
        by_reason = collections.Counter(one.reason for one in self.lost)
        return {
            'faults': len(self.struck),
            'operations accepted': len(self.operations),
            ' ended': len(ended),
            ' failed with a reason': len(self.operations)
            - len(ended)
            - len(self.unaccounted),
            ' neither': len(self.unaccounted),
            ' nothing saved': len(self.not_saved),
            'requests turned away': sum(self.refused.values()),
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
            '  killed before publish': by_reason[account.KILLED],
            '  broker away': by_reason[account.GIVEN_UP],
            "  commit's answer lost": by_reason[account.ANSWER],
            '  unexplained': by_reason[account.UNKNOWN],
        }

    def violations(self, may_lose: bool) -> list[str]:
        """Return what does not hold, one line each.

        :param may_lose: whether notifications may be lost in a fault.
        """
        books = self.books
        lines = [
            f'node {one.node} is stranded in {one.state!r}, reserved by '
            f'{one.reservation}'
            for one in self.stranded
        ]
        lines += [
            f'a lock is left: {_left(one)}'
            for one in self.left
            if one.reservation
        ]
        lines += [
            f'node {one.node} was left in {one.state!r}, and no fault has '
            'taken its worker'
            for one in self.left
            if one.fault is None
        ]
        lines += [
            f'node {one.node}: {one.verb} was accepted and neither ended nor '
            f'failed with a reason: {one.state!r} ({one.reason})'
            for one in self.unaccounted
        ]
        lines += [
            f'node {one.node}: {one.verb} was accepted and saved nothing'
            for one in self.not_saved
        ]
        lines += [
            f'node {one.change.node}: {_step(one.change)} was never announced:'
            f' {one.reason} ({one.evidence})'
            for one in self.lost
            if not may_lose or one.fault is None
        ]
        lines += [
            f'node {row.node}: {row.name}: {row.observation}'
            for row in books.rows
            if row.name in ('out of order', 'illegal', 'unexpected')
        ]
        if len(self.lost) != books.lost:
            lines.append(
                f'the audit has {books.lost} lost, by their times it is '
                f'{len(self.lost)}'
            )
        if not self.drained:
            lines.append('the outbox is not empty')
        lines += [
            f'fault {one.number}, {one}: {one.note}'
            for one in self.struck
            if not one.took_effect
        ]
        if not books.received:
            lines.append('nothing was announced at all')
        return lines

    def by_fault(self) -> list[str]:
        """Return a line for each fault: what was lost and left in it."""
        lines = []
        for fault in self.struck:
            lost = [one for one in self.lost if one.fault == fault]
            left = [one for one in self.left if one.fault == fault]
            lines.append(
                f'{fault.number:>3} {fault!s:<26} {fault.note}; '
                f'lost: {len(lost)}'
                + (f'; left for a restart: {len(left)}' if left else '')
            )
            lines += [
                f'      {one.change.node} {_step(one.change)}: {one.reason} '
                f'({one.evidence})'
                for one in lost
            ]
            lines += [f'      {_left(one)}' for one in left]
        return lines

    def as_dict(self, may_lose: bool) -> dict[str, Any]:
        """Return everything that a reader may want to look up."""
        return {
            'kind': self.kind,
            'minutes': self.minutes,
            'seed': self.seed,
            'counts': self.counts(),
            'violations': self.violations(may_lose),
            'refused': dict(self.refused),
            'struck': [dataclasses.asdict(one) for one in self.struck],
            'lost': [dataclasses.asdict(one) for one in self.lost],
            'left': [dataclasses.asdict(one) for one in self.left],
            'stranded': [dataclasses.asdict(one) for one in self.stranded],
            'said': dict(self.said),
            'operations': [dataclasses.asdict(one) for one in self.operations],
        }


def _step(change: Any) -> str:
    return f'{change.before_state} -> {change.state}'


def _left(one: account.Left) -> str:
    locked = f', locked by {one.reservation}' if one.reservation else ''
    at = time.strftime('%H:%M:%S', time.localtime(one.since))
    return f'{one.node} left in {one.state!r}{locked}, since {at}'


def table(results: Sequence[Result]) -> str:
    """Lay out figures, one column for each half."""
    rows = [['', *(one.kind for one in results)]]
    rows += [
        [name, *(str(one.counts()[name]) for one in results)]
        for name in results[0].counts()
    ]
    return '\n'.join(
        f'{name:<26}' + ''.join(f'{one:>10}' for one in figures)
        for name, *figures in rows
    )
