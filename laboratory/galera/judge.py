# SPDX-License-Identifier: Apache-2.0
"""What a run has shown, from witness, bus, answers and logs."""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import re
from typing import Any

from ironic_async_events.audit import observation
from laboratory import truth
from laboratory import wanderer
from laboratory import witness

_BUSY = (409, 503)
# Not 1205: a server that stands still says so of a read that waits.
_CONFLICT = re.compile(r'Unexpected RPC exception.*\b1213\b')

COLUMNS = (
    'changes',
    'announced',
    'lost',
    'disorder',
    'wrong',
    'repeated',
    'failed',
    'conflicts',
    'stranded',
    'locked',
)
"""Of the table; the page about clusters says what each of them counts."""

Figures = collections.Counter[str]
"""Of one run, or of several that were added up."""


def broken(figures: Figures, promised: Iterable[str]) -> list[str]:
    """Return what was promised to be nothing and is not; or no changes."""
    nothing = [] if figures['changes'] else ['changes']
    return nothing + [name for name in promised if figures[name]]


def failed(method: str, code: int, answer: object) -> str:
    """Tell what the server failed to change, if it did; 0: no answer."""
    if method == 'GET' or 200 <= code < 500 or code in _BUSY:
        return ''
    text = answer.decode() if isinstance(answer, bytes) else answer
    return f'{code}: {text}'


def in_order(seen: Iterable[witness.Seen]) -> list[witness.Seen]:
    """Return the changes of all nodes, those of one node in their order.

    Ids come from several ranges. Servers on one machine have one clock, and
    of two changes of one node the second was made on the first: else it had
    been a conflict.

    :raises ValueError: when the changes of a node are no chain: then the
        witness is wrong, and nothing else can be judged.
    """
    ordered = sorted(seen, key=lambda change: change.seen_at)
    last: dict[str, str | None] = {}
    for change in ordered:
        state = last.get(change.node, change.before_state)
        if change.before_state not in (None, state):
            raise ValueError(f'a node was {state!r} before {change}')
        last[change.node] = change.state
    return ordered


def result(
    seen: Iterable[witness.Seen],
    observations: Iterable[Any],
    answers: Sequence[str],
    nodes: Sequence[Any],
    log: str,
) -> tuple[Figures, Sequence[truth.Row]]:
    """Judge a run.

    :param observations: what the notifications say that have arrived.
    :param nodes: UUID, provision state, reservation and last error of the
        nodes of this run, when all is calm.
    :param log: of all conductors: the API hides why a request has failed.
    :returns: the figures, and what is behind those of the notifications.
    """
    ours = {uuid for uuid, *_ in nodes}
    account = truth.compare(
        [
            (change.node, change.before_state, change.state)
            for change in in_order(seen)
            if change.node in ours and change.before_state is not None
        ],
        [
            each
            for each in observations
            if isinstance(each, observation.Observation) and each.node in ours
        ],
    )
    figures = Figures(
        changes=account.expected,
        announced=account.expected - account.lost,
        lost=account.lost,
        disorder=account.out_of_order,
        wrong=account.illegal + account.unexpected,
        repeated=account.duplicate,
        failed=len(answers),
        conflicts=len(_CONFLICT.findall(log)),
        stranded=sum(state not in wanderer.WAYS for _, state, *_ in nodes),
        locked=sum(holder is not None for _, _, holder, _ in nodes),
    )
    return figures, [row for row in account.rows if row.name != 'duplicate']
