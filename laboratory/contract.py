# SPDX-License-Identifier: Apache-2.0
"""Hold the API to its word: after ``202`` a ``GET`` shows the new state.

Pure: judged after the run, from what clients and the witness wrote down.
"""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses

from laboratory import witness

# The database's stamps have milliseconds, cut off, not rounded.
TOLERANCE = 0.002


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """One request that was answered with 202, and the GET after it.

    Times are seconds since the epoch, on the machine of the database.

    :param shown: the provision state in the answer to the next GET.
    :param ended_at: when the client saw the operation at its end.
    """

    node: str
    name: str
    before: str
    asked_at: float
    accepted_at: float
    shown: str
    shown_at: float
    ended_at: float

    @property
    def latency(self) -> float:
        return self.accepted_at - self.asked_at


def violations(
    accepted: Iterable[Accepted], seen: Iterable[witness.Seen]
) -> list[str]:
    """Compare what clients were shown with what was committed by then."""
    by_node: dict[str, list[witness.Seen]] = collections.defaultdict(list)
    for change in seen:
        by_node[change.node].append(change)
    found = []
    for request in accepted:
        begin, end = request.asked_at - TOLERANCE, request.ended_at
        own = [x for x in by_node[request.node] if begin <= x.seen_at <= end]
        reason = _broken(request, own)
        if reason:
            found.append(f'{request.node} {request.name}: {reason}')
    return found


def _broken(request: Accepted, changes: Sequence[witness.Seen]) -> str | None:
    if not changes:
        return 'was accepted, and no change of state was ever saved'
    late = changes[0].seen_at - request.accepted_at
    if late > TOLERANCE:
        return f'the new state was saved {late * 1000:.0f} ms after the 202'
    shown_at = request.shown_at + TOLERANCE
    by_then = {one.state for one in changes if one.seen_at <= shown_at}
    if request.shown not in by_then:
        states = ', '.join(sorted(map(repr, by_then)))
        return f'GET showed {request.shown!r} when {states} had been saved'
    return None
