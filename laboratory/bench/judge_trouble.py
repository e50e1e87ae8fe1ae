# SPDX-License-Identifier: Apache-2.0
"""Verdicts on requests while the broker is slow or down; pure."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import statistics

from laboratory.bench import compared
from laboratory.bench import figures
from laboratory.bench.figures import Line
from laboratory.bench.figures import Verdict

_BROKER_LIMIT = 0.2
_WAYS = (('put_to_202', 'PUT to 202'), ('put_to_end', 'PUT to end'))


def trouble(found: compared.Figures) -> Iterator[Line]:
    """Judge times while the broker is slow or down."""
    for state in ('slow', 'down'):
        for side in compared.OTHERS:
            for name, title in _WAYS:
                # The worker announces: it waits, unless there is an outbox.
                must = side == 'outbox' or name == 'put_to_202'
                yield _trouble_line(found, state, side, name, title, must)


def _trouble_line(
    found: compared.Figures,
    state: str,
    side: str,
    name: str,
    title: str,
    must: bool,
) -> Line:
    def later(who: str) -> list[float | None]:
        late = []
        for one in found['rounds']:
            healthy = _middle(one[who]['healthy'][name])
            now = _middle(one[who][state][name])
            late.append(
                None if now is None or healthy is None else now - healthy
            )
        return late

    def words(late: Iterable[float | None]) -> str:
        ended = [one for one in late if one is not None]
        if not ended:
            return f'none within {found["down_seconds"]:.0f} s'
        return f'{compared.milliseconds(figures.spread(ended))} ms'

    own = later(side)
    ended = [one for one in own if one is not None]
    verdict = Verdict.MISSED
    if len(ended) == len(own):
        late = figures.spread(ended)
        verdict = figures.within(late.middle, _BROKER_LIMIT)
    return Line(
        f'{title}: later than with a healthy broker',
        f'broker {state}',
        side,
        f'{words(own)}; stock {words(later(compared.STOCK))}',
        f'at most {_BROKER_LIMIT * 1e3:.0f} ms' if must else 'reported',
        verdict if must else Verdict.REPORTED,
        'wall clock',
    )


def _middle(values: Sequence[float | None]) -> float | None:
    """Return the median; None if one of them never came."""
    came = [one for one in values if one is not None]
    return statistics.median(came) if len(came) == len(values) else None
