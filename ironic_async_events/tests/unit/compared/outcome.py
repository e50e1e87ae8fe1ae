# SPDX-License-Identifier: Apache-2.0
"""What a call has come to, and whether one outcome is worse than another.

Pure: knows no database, no Ironic and no plugin.
"""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
from typing import Any

#: A retry more or less, whose pause is a random one, is no difference.
_TOLERANCE = 1.5
#: Who waits as long as somebody else likes has waited at least this long.
FOR_EVER = 10_000.0
RAISES = 'raises '


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a call has come to.

    :param answer: what it returned, or :data:`RAISES` and the error
    :param before: the row before the call, by column
    :param row: the row afterwards
    :param node: the fields of the node object, and what its next save writes
    :param called: names of the wrappers and listeners that were called
    :param waited: simulated seconds
    """

    answer: str
    before: Mapping[str, Any]
    row: Mapping[str, Any]
    node: Mapping[str, Any]
    called: frozenset[str] = frozenset()
    waited: float = 0.0

    @property
    def failed(self) -> bool:
        return self.answer.startswith(RAISES)

    @property
    def changed(self) -> set[str]:
        """The columns that the call has changed, apart from ``updated_at``."""
        return {
            name
            for name, value in self.row.items()
            if value != self.before.get(name) and name != 'updated_at'
        }


def differences(stock: Outcome, plugin: Outcome) -> Iterator[str]:
    if plugin.answer != stock.answer:
        yield f'{plugin.answer}, not {stock.answer}'
        return
    # After an error, nobody uses stock's object, of which some is changed.
    for what in ('row',) if stock.failed else ('row', 'node'):
        ours, theirs = getattr(plugin, what), getattr(stock, what)
        for name in sorted(ours.keys() | theirs.keys()):
            own, expected = ours.get(name), theirs.get(name)
            if own != expected:
                yield f'{what}.{name} is {own!r}, not {expected!r}'


def worse(
    stock: Collection[Outcome],
    plugin: Outcome,
    calm: Outcome | None,
    must_be_calm: bool = False,
) -> list[str]:
    """Return in what the plugin is worse than stock under the same trouble.

    :param stock: what stock comes to under this trouble
    :param calm: what stock comes to without trouble, if that is better
    :param must_be_calm: whether the trouble must make no difference
    """
    lines: list[str] = []
    if not must_be_calm:
        lines = min(
            (_worse(outcome, plugin) for outcome in stock),
            key=len,
            default=['there is no such trouble on stock'],
        )
    if (lines or must_be_calm) and calm is not None:
        # The time is what the trouble takes.
        lines = list(differences(calm, plugin))
    missing = frozenset.union(*(o.called for o in stock)) - plugin.called
    if missing:
        lines.append(f'does not call {", ".join(sorted(missing))}')
    return lines


def _worse(stock: Outcome, plugin: Outcome) -> list[str]:
    same = plugin.answer == stock.answer
    if same and stock.failed and stock.changed and not plugin.changed:
        # Refused, and nothing is left of it.
        return []
    lines = list(differences(stock, plugin))
    if not lines and plugin.waited > stock.waited + _TOLERANCE:
        lines.append(f'waits {plugin.waited:.1f} s, not {stock.waited:.1f}')
    return lines
