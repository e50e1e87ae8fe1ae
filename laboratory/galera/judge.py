# SPDX-License-Identifier: Apache-2.0
"""What a run has shown, from witness, bus, answers and logs."""

import collections
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import re
from typing import Any

from ironic_async_events.audit import observation
from laboratory import truth
from laboratory import wanderer
from laboratory import witness
from laboratory.api import Api

_BUSY = (409, 503)
_CONFLICT = re.compile('deadlock', re.IGNORECASE)
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


class CountingApi(Api):
    """A connection that counts the answers of all of its kind.

    Made by :class:`Answers`, for one thread.
    """

    answers: 'Answers'

    def call(
        self, method: str, path: str, body: object = None
    ) -> tuple[int, Any]:
        """See :meth:`Api.call`."""
        code, answer = super().call(method, path, body)
        self.answers.count(method, code, answer)
        return code, answer


class Answers:
    """What the API has answered to all clients."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        """Requests to change something: what was said, with its code."""
        self.unread = 0
        """How often nothing could be read."""

    def connect(self, endpoint: str) -> CountingApi:
        """Make a connection for one client."""
        api = CountingApi(endpoint)
        api.answers = self
        return api

    def count(self, method: str, code: int, answer: object) -> None:
        """Note an answer; any client's thread calls."""
        if 200 <= code < 500 or code in _BUSY:
            return
        if method == 'GET':
            self.unread += 1
            return
        text = answer.decode() if isinstance(answer, bytes) else str(answer)
        self.failed.append(f'{code}: {text}')


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """One cell of the table; results of several runs can be added.

    :param changes: how many were committed.
    :param announced: of them.
    :param lost: were never announced.
    :param disorder: were announced at another place.
    :param wrong: notifications of what did not happen.
    :param repeated: notifications that came again.
    :param failed: requests that ended with an error of the server.
    :param conflicts: of them, those that failed because of a conflict.
    :param stranded: nodes in a state in which none stays by itself.
    :param locked: nodes that are locked though all is calm.
    """

    changes: int = 0
    announced: int = 0
    lost: int = 0
    disorder: int = 0
    wrong: int = 0
    repeated: int = 0
    failed: int = 0
    conflicts: int = 0
    stranded: int = 0
    locked: int = 0

    def __add__(self, other: 'Result') -> 'Result':
        return Result(
            *(
                getattr(self, field.name) + getattr(other, field.name)
                for field in dataclasses.fields(self)
            )
        )

    def broken(self, promised: Iterable[str]) -> list[str]:
        """Return what does not hold: what was promised to be nothing.

        A run without any change shows nothing, and so does not hold.

        :param promised: names of fields.
        """
        nothing = [] if self.changes else ['changes']
        return nothing + [name for name in promised if getattr(self, name)]


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
    answers: Answers,
    nodes: Sequence[Any],
    log: str,
) -> tuple[Result, Sequence[truth.Row]]:
    """Judge one run.

    :param seen: what the witness saw of the nodes of this run.
    :param observations: what the notifications say that have arrived.
    :param answers: what clients were answered.
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
        Result(
            changes=account.expected,
            announced=account.expected - account.lost,
            lost=account.lost,
            disorder=account.out_of_order,
            wrong=account.illegal + account.unexpected,
            repeated=account.duplicate,
            failed=len(answers.failed),
            conflicts=sum(
                _REQUEST in block[0] and bool(_CONFLICT.search(str(block)))
                for block in blocks(log)
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


def table(
    results: Mapping[tuple[str, str], Result], runs: Mapping[str, int]
) -> str:
    """Lay out the results: a row for each scenario and side.

    :param results: by scenario and side.
    :param runs: how many runs of each scenario there were.
    """
    names = [field.name for field in dataclasses.fields(Result)]
    rows = [['scenario', 'side', 'runs', *names]]
    for (scenario, side), one in results.items():
        figures = [str(getattr(one, name)) for name in names]
        rows.append([scenario, side, str(runs[scenario, side]), *figures])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = '  '.join('=' * width for width in widths)
    lines = [
        '  '.join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return '\n'.join([rule, lines[0], rule, *lines[1:], rule])
