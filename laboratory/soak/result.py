# SPDX-License-Identifier: Apache-2.0
"""What came of one half of a soak: the figures, and what must hold."""

import collections
from collections.abc import Sequence
import dataclasses
import time

from laboratory import truth
from laboratory import wanderer
from laboratory import witness
from laboratory.soak import account
from laboratory.soak import faults


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of it.

    :param may_lose: whether notifications may be lost in a fault.
    :param books: the audit's account of the notifications.
    :param left: nodes that waited for a restart of their conductor.
    :param stranded: nodes that not even that has helped.
    """

    kind: str
    seed: int
    may_lose: bool
    struck: Sequence[faults.Struck]
    operations: Sequence[wanderer.Operation]
    refused: Sequence[int]
    not_saved: Sequence[wanderer.Operation]
    books: truth.Account
    lost: Sequence[account.Lost]
    left: Sequence[account.Left]
    stranded: Sequence[account.Left]
    drained: bool

    @property
    def unaccounted(self) -> list[wanderer.Operation]:
        """What was accepted and neither ended nor failed with a reason."""
        return [one for one in self.operations if not one.is_accounted_for]

    def counts(self) -> dict[str, int]:
        """Return the rows of the table."""
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
            '  killed before publish': by_reason[account.KILLED],
            '  broker away': by_reason[account.GIVEN_UP],
            "  commit's answer lost": by_reason[account.ANSWER],
            '  unexplained': by_reason[account.UNKNOWN],
        }

    def violations(self) -> list[str]:
        """Return what does not hold, one line each."""
        books = self.books
        lines = [f'stranded: {_left(one)}' for one in self.stranded]
        lines += [
            f'a lock is left: {_left(one)}'
            for one in self.left
            if one.reservation
        ]
        lines += [
            f'no fault has taken its worker: {_left(one)}'
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
            f'never announced: {_lost(one)}'
            for one in self.lost
            if not self.may_lose or one.fault is None
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
            lines.append(f'{fault.number:>3} {fault!s:<26} {fault.note}')
            lines += [
                f'      lost: {_lost(one)}'
                for one in self.lost
                if one.fault == fault
            ]
            lines += [
                f'      left for a restart: {_left(one)}'
                for one in self.left
                if one.fault == fault
            ]
        return lines


def _lost(one: account.Lost) -> str:
    change: witness.Seen = one.change
    return (
        f'{change.node} {change.before_state} -> {change.state}: '
        f'{one.reason} ({one.evidence})'
    )


def _left(one: account.Left) -> str:
    locked = f', locked by {one.reservation}' if one.reservation else ''
    at = time.strftime('%H:%M:%S', time.localtime(one.since))
    return f'{one.node} in {one.state!r}{locked}, since {at}'
