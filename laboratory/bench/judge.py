# SPDX-License-Identifier: Apache-2.0
"""From what was measured to lines with verdicts; pure."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from laboratory.bench import compared
from laboratory.bench import figures
from laboratory.bench import judge_costs
from laboratory.bench import judge_rounds
from laboratory.bench import judge_trouble

JUDGES: Mapping[str, Callable[[compared.Figures], Iterator[figures.Line]]] = {
    'load': judge_rounds.load,
    'statements': judge_costs.statements,
    'startup': judge_costs.startup,
    'memory': judge_costs.memory,
    'spawns': judge_costs.spawns,
    'locks': judge_costs.locks,
    'trouble': judge_trouble.trouble,
    'growth': judge_rounds.growth,
}
"""Figure -> what makes lines of it, in the order of the report."""


def lines(measured: compared.Figures) -> list[figures.Line]:
    """Judge everything that was measured.

    :param measured: figure -> what its module returned.
    """
    return [
        line
        for name, judge in JUDGES.items()
        if name in measured
        for line in judge(measured[name])
    ]
