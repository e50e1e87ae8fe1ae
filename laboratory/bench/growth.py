# SPDX-License-Identifier: Apache-2.0
"""How an operation grows with the number of nodes in the database."""

import logging

from laboratory.bench import forms
from laboratory.bench import inspections
from laboratory.bench import load
from laboratory.bench import sides
from laboratory.bench import statements

LOG = logging.getLogger(__name__)

_CLIENTS = 2


def measure(form: forms.Form) -> load.Figures:
    """Do rounds with more and more nodes.

    :param form: how much.
    :returns: number of nodes -> rounds, each of them side -> figures.
    :raises LaboratoryError: when something does not go as it should.
    """
    measured: load.Figures = {}
    with sides.started(forms.MARIADB, statements.configure) as running:
        for one in running:
            _play(one)
        for number in form.growth_nodes:
            for one in running:
                inspections.add(one, number - inspections.count(one))
            measured[str(number)] = [
                {one.side.name: _play(one) for one in running}
                for _ in range(form.growth_rounds)
            ]
            LOG.info('rounds with %d nodes are done', number)
    return measured


def _play(running: sides.Running) -> load.Figures:
    counting = statements.Counting(running)
    played = load.play(running, _CLIENTS, 1)
    executed = sum(counting.end()['operations'].values())
    return played | {'statements_per_op': executed / played['operations']}
