# SPDX-License-Identifier: Apache-2.0
"""What must always hold; pure.

The names are those of the contributor's guide: ``doc/source/contributor``.
"""

from collections.abc import Iterator
import json
from typing import Any

from ironic.common import exception

from ironic_async_events.tests.unit.spawn_failures import outcome
from laboratory.faults import journal
from laboratory.guarantees import I1
from laboratory.guarantees import I2
from laboratory.guarantees import I3
from laboratory.guarantees import I4
from laboratory.guarantees import I5
from laboratory.guarantees import I7

_CHECKED = (I1, I2, I3, I4, I5, I7)

#: Each invariant, and what it claims: guarantees by their numbers, and more.
CLAIMS = {each.id: each.sentence for each in _CHECKED} | {
    'secrets': 'nobody is told what must not be told',
    'answer': 'a database error is not told as a lack of workers',
}

#: The clock of the row, the reason, and the lock, which I5 looks at.
_BOOKS = ('updated_at', 'last_error', 'reservation')
#: They change the state twice before they start; the first change, once it
#: is announced (I1 looks at that), is not taken back.
_HALF_WAY = ('abort from service wait', 'abort from service hold')

Violation = tuple[str, str]
"""The name of an invariant, and how it is broken."""


def check(seen: journal.Journal) -> list[Violation]:
    """Return what one case has broken.

    :param seen: the case
    """
    return [
        *_announced(seen),
        *_chain(seen),
        *_refused(seen),
        *_accepted(seen),
        *_locks(seen),
        *_secrets(seen),
        *_answer(seen),
    ]


def _announced(seen: journal.Journal) -> Iterator[Violation]:
    told = [
        (previous, state)
        for previous, _, state in seen.told
        if previous != state
    ]
    if told != seen.states:
        yield I1.id, f'committed {_arrows(seen.states)}, told {_arrows(told)}'
    for previous, event, state in seen.told:
        expected = outcome.result(previous, event)
        if state != expected:
            yield (
                I1.id,
                f'{event} leads from {previous} to {expected}, {state}',
            )


def _chain(seen: journal.Journal) -> Iterator[Violation]:
    at = seen.before['provision_state']
    for previous, _, state in seen.told:
        if previous != at:
            yield I2.id, f'{at}, then {previous} -> {state}'
        at = state
    if at != seen.end['provision_state']:
        yield I2.id, f'told {at}, is {seen.end["provision_state"]}'


def _refused(seen: journal.Journal) -> Iterator[Violation]:
    answer = seen.answer
    if answer is None or answer.error is None or seen.periodic:
        return
    changes = seen.states[: seen.changes]
    if seen.operation in _HALF_WAY and len(changes) == 1:
        return
    if changes:
        yield I3.id, f'refused, but {_arrows(changes)}'
    if _is_turned_away(seen):
        if columns := _differing(seen.before, seen.after):
            yield I3.id, f'refused, but other: {", ".join(columns)}'
        if seen.records > 1:
            yield I3.id, f'refused, with {seen.records} records'


def _is_turned_away(seen: journal.Journal) -> bool:
    """Tell whether a worker was asked for, and did not start its work."""
    answer = seen.answer
    return bool(
        answer is not None
        and answer.error
        and answer.asked
        and seen.staged
        and not seen.periodic
    )


def _accepted(seen: journal.Journal) -> Iterator[Violation]:
    answer = seen.answer
    if answer is None or answer.error is not None:
        return
    if seen.periodic or not seen.staged or answer.changes:
        return
    if answer.seconds < 30.0:
        yield I4.id, 'accepted, but the state was not in the database'
    elif not seen.changes:
        yield I4.id, 'accepted, but the state never came into the database'


def _locks(seen: journal.Journal) -> Iterator[Violation]:
    if seen.left:
        yield I5.id, f'never ended: {", ".join(seen.left)}'
    holder = seen.end['reservation']
    if holder is not None:
        yield I5.id, f'locked by {holder} at the end'
    elif seen.locked is not None:
        yield I5.id, f'could not be locked: {seen.locked}'
    for text in seen.shared_locks:
        yield I7.id, text


def _secrets(seen: journal.Journal) -> Iterator[Violation]:
    told = {
        (where, secret)
        for where, text in seen.said
        for secret in journal.SECRETS
        if secret in text
    }
    for where, secret in sorted(told):
        yield 'secrets', f'{secret!r} in {where}'
    if _is_turned_away(seen):
        # Why it was is the plugin's to say; the rest is Ironic's.
        for where in sorted({w for w, text in seen.said if '[SQL: ' in text}):
            yield 'secrets', f'a statement in {where}'


def _answer(seen: journal.Journal) -> Iterator[Violation]:
    answer = seen.answer
    if answer is not None and isinstance(
        answer.error, exception.NoFreeConductorWorker
    ):
        yield 'answer', f'{answer.error!r} from {answer.error.__cause__!r}'


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [
        column
        for column in before
        if column not in _BOOKS
        and _plain(before[column]) != _plain(after[column])
    ]


def _plain(value: Any) -> Any:
    """Return a value without what JSON leaves open, such as the order."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _arrows(changes: list[tuple[str, str]]) -> str:
    return ', '.join(f'{old} -> {new}' for old, new in changes) or 'nothing'
