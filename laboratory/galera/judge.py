# SPDX-License-Identifier: Apache-2.0
"""What a run has shown, from witness, bus, answers and logs."""

import collections
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import re
from typing import Any

from ironic_async_events.audit import observation
from laboratory import truth
from laboratory import wanderer
from laboratory import witness

_BUSY = (409, 503)
_PERIODIC = 'Failed to call periodic'
_REQUEST = 'Unexpected RPC exception'
_ERROR = re.compile(
    r'\S+ \S+ \d+ ERROR \S+ (?P<request>\[[^]]*\] )?(?P<text>.*)'
)
_PLACE = re.compile(
    r'/(?:ironic|ironic_async_events)/'
    r'(?!db|objects|common)(\w+/\w+)\.py", line (\d+), in (\w+)'
)
# What tells two lines of a log apart that say the same.
_OWN = re.compile(
    r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\[[^]]*req-[^]]*\]'
    r'|0x[0-9a-f]+|\d+'
)


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
    """Return what does not hold: what was promised to be nothing.

    A run without any change shows nothing, and so does not hold.

    :param figures: of one run.
    :param promised: some of the columns.
    """
    nothing = [] if figures['changes'] else ['changes']
    return nothing + [name for name in promised if figures[name]]


def failed(method: str, code: int, answer: object) -> str:
    """Tell what the server failed to change, and why.

    :param method: of a request.
    :param code: of its answer; 0 where there was none.
    :param answer: what came.
    :returns: nothing if it did not fail.
    """
    if method == 'GET' or 200 <= code < 500 or code in _BUSY:
        return ''
    text = answer.decode() if isinstance(answer, bytes) else answer
    return f'{code}: {text}'


def in_order(seen: Iterable[witness.Seen]) -> list[witness.Seen]:
    """Return the changes of all nodes, those of one node in their order.

    Ids come from several ranges. Servers on one machine have one clock, and
    of two changes of one node the second was made on the first: else it had
    been a conflict.

    :param seen: what the witness saw.
    :raises ValueError: when the changes of a node are no chain: then the
        witness is wrong, and nothing else can be judged.
    """
    ordered = sorted(seen, key=lambda one: one.seen_at)
    last: dict[str, str | None] = {}
    for one in ordered:
        if one.before_state is not None and (
            one.before_state != last.get(one.node, one.before_state)
        ):
            raise ValueError(
                f'node {one.node} was {last[one.node]!r} and then '
                f'changed from {one.before_state!r}: {one}'
            )
        last[one.node] = one.state
    return ordered


def result(
    seen: Iterable[witness.Seen],
    observations: Iterable[Any],
    answers: Sequence[str],
    nodes: Sequence[Any],
    log: str,
) -> tuple[Figures, Sequence[truth.Row]]:
    """Judge one run.

    :param seen: what the witness saw of the nodes of this run.
    :param observations: what the notifications say that have arrived.
    :param answers: to the requests that failed.
    :param nodes: UUID, provision state, reservation and last error, when all
        is calm.
    :param log: of all conductors: the API hides why a request has failed.
    :returns: the figures, and what is behind those of the notifications.
    """
    ours = {uuid for uuid, *_ in nodes}
    account = truth.compare(
        [
            (one.node, one.before_state, one.state)
            for one in in_order(seen)
            if one.node in ours and one.before_state is not None
        ],
        [
            one
            for one in observations
            if isinstance(one, observation.Observation) and one.node in ours
        ],
    )
    return (
        Figures(
            changes=account.expected,
            announced=account.expected - account.lost,
            lost=account.lost,
            disorder=account.out_of_order,
            wrong=account.illegal + account.unexpected,
            repeated=account.duplicate,
            failed=len(answers),
            conflicts=sum(
                _REQUEST in head and 'DBDeadlock' in head
                for head, *_ in blocks(log)
            ),
            stranded=sum(state not in wanderer.WAYS for _, state, *_ in nodes),
            locked=sum(holder is not None for _, _, holder, _ in nodes),
        ),
        [row for row in account.rows if row.name != 'duplicate'],
    )


def causes(log: str) -> collections.Counter[str]:
    """Count the errors of a log: what was said, and from where.

    :param log: lines as oslo.log writes them.
    """
    found: collections.Counter[str] = collections.Counter()
    for head, *lines in blocks(log):
        if head.startswith(_PERIODIC):
            # It comes again.
            continue
        places = [':'.join(found) for found in _PLACE.findall(str(lines))]
        # Of a chain of errors, the last is what went on.
        found[' < '.join([_OWN.sub('*', head)[:200], *places[:-4:-1]])] += 1
    return found


def blocks(log: str) -> Iterator[list[str]]:
    """Give each error with its traceback.

    :param log: lines as oslo.log writes them: a first one names the request,
        those of its traceback do not.
    """
    block: list[str] = []
    for line in log.splitlines():
        match = _ERROR.match(line)
        if match is None:
            continue
        if match['request']:
            if block:
                yield block
            block = [match['text']]
        elif block:
            block.append(match['text'])
    if block:
        yield block


class Table:
    """A row for each scenario and side."""

    def __init__(self) -> None:
        self.figures: dict[tuple[str, str], Figures] = {}
        self.runs: collections.Counter[tuple[str, str]] = collections.Counter()
        self.broken: set[tuple[str, str]] = set()
        """Rows of the plugin in which something does not hold."""

    def add(
        self,
        scenario: str,
        side: str,
        figures: Figures,
        promised: Iterable[str],
    ) -> None:
        """Add the figures of one run.

        :param scenario: the name of the row.
        :param side: stock, which promises nothing, or another one.
        :param figures: of one run.
        :param promised: what must be nothing.
        """
        key = scenario, side
        self.figures.setdefault(key, Figures()).update(figures)
        self.runs[key] += 1
        if side != 'stock' and broken(figures, promised):
            self.broken.add(key)

    def __str__(self) -> str:
        rows = [['scenario', 'side', 'runs', *COLUMNS]]
        for key, figures in self.figures.items():
            cells = (self.runs[key], *(figures[name] for name in COLUMNS))
            rows.append([*key, *map(str, cells)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            '  '.join(map(str.ljust, row, widths)).rstrip() for row in rows
        ]
        rule = '  '.join('=' * width for width in widths)
        return '\n'.join([rule, lines[0], rule, *lines[1:], rule])
