# SPDX-License-Identifier: Apache-2.0
"""How an operation grows with the number of nodes in the database."""

import collections
from collections.abc import Callable

from laboratory.bench import forms
from laboratory.bench import nodes
from laboratory.bench import rounds
from laboratory.bench import sides
from laboratory.bench import statements

_CLIENTS = 2


def steps(form: forms.Form) -> int:
    """Return how many operations it will do."""
    per_round = _CLIENTS * len(form.life) * len(sides.SIDES)
    return per_round * (1 + len(form.growth_nodes) * form.growth_rounds)


def measure(form: forms.Form, progress: Callable[[], None]) -> rounds.Figures:
    """Do rounds with more and more nodes.

    :param form: how much.
    :param progress: called after each operation, from any thread.
    :returns: number of nodes -> rounds, each of them side -> figures.
    :raises LaboratoryError: when something does not go as it should.
    """
    found: rounds.Figures = {}
    with sides.started(forms.MARIADB, statements.configure) as running:

        def play(one: sides.Running) -> rounds.Figures:
            counting = statements.Counting(one)
            figures = rounds.play(
                one, running, _CLIENTS, 1, form.life, progress
            )
            kinds: collections.Counter[str] = collections.Counter()
            for what, number in counting.end()['operations'].items():
                kinds[what.partition(' ')[0]] += number
            return figures | {
                'statements_per_op': kinds.total() / figures['operations']
            }

        for one in running:
            play(one)
        for number in form.growth_nodes:
            for one in running:
                nodes.add(one, number - nodes.count(one))
            found[str(number)] = [
                {one.side.name: play(one) for one in running}
                for _ in range(form.growth_rounds)
            ]
    return found
