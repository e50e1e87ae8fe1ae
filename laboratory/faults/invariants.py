# SPDX-License-Identifier: Apache-2.0
"""What a case leaves behind, and what must always hold; pure.

The names are those of the contributor's guide: ``doc/source/contributor``.
"""

from collections.abc import Iterator
import dataclasses
import json
from typing import Any

from ironic.common import exception

from ironic_async_events.tests.unit.spawn_failures import outcome
from laboratory import guarantees as g

#: In every node that the sweep makes, and in no text of Ironic.
CONFIG_DRIVE = 'the-config-drive'
#: What nobody may be told: the token of the agent and passwords, too, as the
#: table of operations has them.
SECRETS = (CONFIG_DRIVE, 'a-token', 'a password', 'hashed secret')

NAMES = (
    *(each.id for each in (g.I1, g.I2, g.I3, g.I4, g.I5, g.I7)),
    # Nobody is told what must not be told.
    'secrets',
    # A database error is not told as a lack of workers.
    'answer',
)
"""The invariants: guarantees by their numbers, and more."""

#: The clock of the row, the reason, and the lock, which I5 looks at.
_BOOKS = ('updated_at', 'last_error', 'reservation')
#: They change the state twice before they start; the first change, once it
#: is announced (I1 looks at that), is not taken back.
_HALF_WAY = ('abort from service wait', 'abort from service hold')

Violation = tuple[str, str]
"""The name of an invariant, and how it is broken."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the caller of a request got, and what was so at that moment."""

    error: BaseException | None
    changes: int
    #: How often a worker was asked for.
    asked: int
    seconds: float


@dataclasses.dataclass
class Journal:
    """A case, from its beginning to its end.

    :param staged: whether the operation changes the state to begin with
    :param periodic: whether it is a pass, which has no caller
    :param before: the row of the node before the request
    :param after: the row when everything of the request had ended
    :param changes: how many changes of the state were committed then
    :param records: how many records the history had then
    :param end: the row at the very end
    :param left: threads that never ended
    :param locked: why the lock could not be had afterwards
    :param said: what was said to operators: errors, history and log
    """

    operation: str
    staged: bool
    periodic: bool
    before: dict[str, Any]
    made: list[Any] = dataclasses.field(default_factory=list)
    answer: Answer | None = None
    after: dict[str, Any] = dataclasses.field(default_factory=dict)
    changes: int = 0
    records: int = 0
    end: dict[str, Any] = dataclasses.field(default_factory=dict)
    states: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    told: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    locks: list[str] = dataclasses.field(default_factory=list)
    shared_locks: list[str] = dataclasses.field(default_factory=list)
    left: list[str] = dataclasses.field(default_factory=list)
    locked: BaseException | None = None
    said: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    @property
    def is_turned_away(self) -> bool:
        """Whether a worker was asked for, and did not start its work."""
        answer = self.answer
        return bool(
            answer is not None
            and answer.error
            and answer.asked
            and self.staged
            and not self.periodic
        )


def check(seen: Journal) -> list[Violation]:
    parts = (_announced, _chain, _refused, _accepted, _locks, _secrets)
    broken = [violation for part in parts for violation in part(seen)]
    error = seen.answer.error if seen.answer else None
    if isinstance(error, exception.NoFreeConductorWorker):
        broken.append(('answer', f'{error!r} from {error.__cause__!r}'))
    return broken


def _announced(seen: Journal) -> Iterator[Violation]:
    told = [
        (previous, state)
        for previous, _, state in seen.told
        if previous != state
    ]
    if told != seen.states:
        yield (
            g.I1.id,
            f'committed {_arrows(seen.states)}, told {_arrows(told)}',
        )
    for previous, event, state in seen.told:
        expected = outcome.result(previous, event)
        if state != expected:
            text = f'{event} leads from {previous} to {expected}, {state}'
            yield g.I1.id, text


def _chain(seen: Journal) -> Iterator[Violation]:
    at = seen.before['provision_state']
    for previous, _, state in seen.told:
        if previous != at:
            yield g.I2.id, f'{at}, then {previous} -> {state}'
        at = state
    if at != seen.end['provision_state']:
        yield g.I2.id, f'told {at}, is {seen.end["provision_state"]}'


def _refused(seen: Journal) -> Iterator[Violation]:
    answer = seen.answer
    if answer is None or answer.error is None or seen.periodic:
        return
    changes = seen.states[: seen.changes]
    if seen.operation in _HALF_WAY and len(changes) == 1:
        return
    if changes:
        yield g.I3.id, f'refused, but {_arrows(changes)}'
    if seen.is_turned_away:
        differing = [
            column
            for column in seen.before
            if column not in _BOOKS
            and _plain(seen.before[column]) != _plain(seen.after[column])
        ]
        if differing:
            yield g.I3.id, f'refused, but other: {", ".join(differing)}'
        if seen.records > 1:
            yield g.I3.id, f'refused, with {seen.records} records'


def _accepted(seen: Journal) -> Iterator[Violation]:
    answer = seen.answer
    if answer is None or answer.error is not None:
        return
    if seen.periodic or not seen.staged or answer.changes:
        return
    if answer.seconds < 30.0:
        yield g.I4.id, 'accepted, but the state was not in the database'
    elif not seen.changes:
        yield g.I4.id, 'accepted, but the state never came into the database'


def _locks(seen: Journal) -> Iterator[Violation]:
    if seen.left:
        yield g.I5.id, f'never ended: {", ".join(seen.left)}'
    holder = seen.end['reservation']
    if holder is not None:
        yield g.I5.id, f'locked by {holder} at the end'
    elif seen.locked is not None:
        yield g.I5.id, f'could not be locked: {seen.locked}'
    for text in seen.shared_locks:
        yield g.I7.id, text


def _secrets(seen: Journal) -> Iterator[Violation]:
    told = {
        (where, secret)
        for where, text in seen.said
        for secret in SECRETS
        if secret in text
    }
    for where, secret in sorted(told):
        yield 'secrets', f'{secret!r} in {where}'
    if seen.is_turned_away:
        # Why it was is the plugin's to say; the rest is Ironic's.
        for where in sorted({w for w, text in seen.said if '[SQL: ' in text}):
            yield 'secrets', f'a statement in {where}'


def _plain(value: Any) -> Any:
    """Return a value without the order that JSON leaves open."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _arrows(changes: list[tuple[str, str]]) -> str:
    return ', '.join(f'{old} -> {new}' for old, new in changes) or 'nothing'
