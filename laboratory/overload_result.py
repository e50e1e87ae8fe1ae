# SPDX-License-Identifier: Apache-2.0
"""What came of a load: the clients' notes, the verdict, the table."""

from collections.abc import Sequence
import dataclasses

from laboratory import contract
from laboratory import truth


@dataclasses.dataclass
class Record:
    """What clients wrote down; lines for people but for the first three.

    :param requests: how many provision requests were sent.
    :param accepted: those that were answered with 202.
    :param refused: how many were answered with 503.
    :param others: every other answer.
    :param altered: fields of a node that a refused request changed.
    :param unended: accepted operations that did not end as they should.
    :param stranded: nodes left in a state that they cannot leave.
    :param usable: how many nodes took a request when the load was over.
    :param unusable: nodes that did not.
    """

    requests: int = 0
    accepted: list[contract.Accepted] = dataclasses.field(default_factory=list)
    refused: int = 0
    others: list[str] = dataclasses.field(default_factory=list)
    altered: list[str] = dataclasses.field(default_factory=list)
    unended: list[str] = dataclasses.field(default_factory=list)
    stranded: list[str] = dataclasses.field(default_factory=list)
    usable: int = 0
    unusable: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: 'Record') -> None:
        """Add what another client wrote down."""
        for field in dataclasses.fields(self):
            total = getattr(self, field.name) + getattr(other, field.name)
            setattr(self, field.name, total)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of it.

    :param plugin: with the plugin, or stock.
    :param record: what the clients wrote down.
    :param account: changes and notifications compared.
    :param refused_changes: changes of state that no accepted request made.
    :param get_violations: one line for each 202 that was not kept.
    :param locks: how many nodes are locked although nothing is under way.
    """

    plugin: bool
    record: Record
    account: truth.Account
    refused_changes: Sequence[str]
    get_violations: Sequence[str]
    locks: int

    def counts(self) -> dict[str, int]:
        """Return the columns of the table."""
        record, account = self.record, self.account
        return {
            'requests': record.requests,
            'accepted': len(record.accepted),
            'refused 503': record.refused,
            'other answers': len(record.others),
            'altered': len(record.altered),
            ' not only the time': sum(
                not line.endswith(': provision_updated_at')
                for line in record.altered
            ),
            'changes by refused': len(self.refused_changes),
            'not ended': len(record.unended),
            'stranded': len(record.stranded),
            'lost': account.lost,
            'out of order': account.out_of_order,
            'illegal': account.illegal,
            'unexpected': account.unexpected + account.duplicate,
            'late after 202': len(self.get_violations),
            'locks left': self.locks,
            'usable afterwards': record.usable,
            'unusable afterwards': len(record.unusable),
        }

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it must be, one line each."""
        record = self.record
        lines = [
            *record.others,
            *record.altered,
            *self.refused_changes,
            *record.unended,
            *record.stranded,
            *(f'{row.name}: {row[2:]}' for row in self.account.rows),
            *self.get_violations,
            *record.unusable,
        ]
        if self.locks:
            lines.append(f'{self.locks} locks left')
        return lines


def table(results: Sequence[Result]) -> str:
    """Lay out figures, one column for each service."""
    rows = [['', *('plugin' if r.plugin else 'stock' for r in results)]]
    for name in results[0].counts():
        rows.append([name, *(str(r.counts()[name]) for r in results)])
    return '\n'.join(
        f'{name:<20}' + ''.join(f'{one:>10}' for one in figures)
        for name, *figures in rows
    )
