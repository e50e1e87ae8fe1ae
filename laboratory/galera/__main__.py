# SPDX-License-Identifier: Apache-2.0
"""Run scenarios on stock, with the plugin and with the outbox."""

import argparse
from collections.abc import Sequence
import contextlib
import functools
import itertools
import json
import pathlib
import sys
import time
from typing import Any

from laboratory import cluster
from laboratory import command
from laboratory import deployment
from laboratory import errors
from laboratory import processes
from laboratory import tables
from laboratory import wanderer
from laboratory.api import Api
from laboratory.galera import judge
from laboratory.galera import place as p
from laboratory.galera import scenarios

# Longer than periodic tasks and retries pause.
_CALM_SECONDS = 25.0
_WHOLE_SECONDS = 90.0
_NODES = 8
_CLIENTS = 8


def run(
    place: p.Place,
    scenario: scenarios.Scenario,
    side: str,
    number: int,
    seconds: float,
) -> tuple[judge.Figures, list[str]]:
    """Let something happen; return the figures, and what does not hold."""
    began = time.monotonic()
    logged = [len(place.log(conductor)) for conductor in range(3)]
    answers: list[str] = []
    load = wanderer.Wanderers(
        place.endpoint,
        _CLIENTS,
        _NODES,
        number,
        connect=functools.partial(
            Api, watch=lambda *answer: answers.append(judge.failed(*answer))
        ),
    )
    with load:
        scenario.hurt(place, number, seconds)
    if not processes.wait_for(place.galera.whole, _WHOLE_SECONDS, 0.5):
        raise errors.LaboratoryError('the servers do not come together')
    nodes = _at_rest(place, load.nodes)
    drained = place.drained(30)
    logs = [place.log(number)[begin:] for number, begin in enumerate(logged)]
    log = '\n'.join(logs)
    failed = list(filter(None, answers))
    figures, rows = judge.result(
        place.eye.read(), place.observations(), failed, nodes, log
    )
    broken = judge.broken(figures, scenario.promised(side))
    print(
        f'  {time.monotonic() - began:.0f} s, broken: {broken}, '
        f'{json.dumps(figures)}'
    )
    if not drained:
        print('  messages are left in the outbox')
    # What helps to find a cause.
    for text in failed[:1]:
        print(f'  answered {text[:400]}')
    for row in rows[:5]:
        print(f'  {row.name}: {row.change or row.observation}')
    for node in itertools.filterfalse(_rests, nodes):
        print(
            f'  node {node.uuid} is {node.provision_state}, locked by '
            f'{node.reservation}: {node.last_error}'
        )
        lines = (line for line in log.splitlines() if node.uuid in line)
        for line in sorted(lines)[-6:]:
            print(f'    {line[:300]}')
    sys.stdout.flush()
    return figures, broken


def _at_rest(place: p.Place, uuids: Sequence[str]) -> list[Any]:
    """Wait until nodes are at rest, or nothing happens to them any more."""

    def look() -> list[Any]:
        rows = place.eye.query(
            'SELECT uuid, provision_state, reservation, last_error '
            'FROM nodes ORDER BY uuid'
        )
        return [row for row in rows if row.uuid in uuids]

    nodes, since = look(), time.monotonic()
    while (
        not all(map(_rests, nodes))
        and time.monotonic() < since + _CALM_SECONDS
    ):
        time.sleep(0.5)
        before, nodes = nodes, look()
        if nodes != before:
            since = time.monotonic()
    return nodes


def _rests(node: Any) -> bool:
    return node.provision_state in wanderer.WAYS and node.reservation is None


def main(argv: Sequence[str] | None = None) -> int:
    """Run scenarios and print a table; 0 if what is promised holds."""
    parser = command.parser(
        'galera',
        __doc__,
        runs=(1, 'of each scenario'),
        seconds=(12.0, 'how long clients are at work, about'),
        keep=(pathlib.Path, 'keep configuration, logs and recordings there'),
    )
    add = parser.add_argument
    every = scenarios.SCENARIOS
    add('--scenario', nargs='+', choices=every, default=[*every])
    add('--side', nargs='+', choices=cluster.SIDES, default=[*cluster.SIDES])
    arguments = parser.parse_args(argv)
    return command.run('galera', lambda: _work(arguments))


def _work(arguments: argparse.Namespace) -> int:
    chosen, every = arguments.scenario, scenarios.SCENARIOS
    runs: dict[tuple[str, str], list[judge.Figures]] = {}
    layouts = dict.fromkeys(every[name].layout for name in chosen)
    holds = True
    try:
        for side, layout in itertools.product(arguments.side, layouts):
            here = [x for x in chosen if every[x].layout == layout]
            with contextlib.ExitStack() as stack:
                place = stack.enter_context(p.Place(side, layout))
                if arguments.keep:
                    copy = arguments.keep / f'{side}-{layout}'
                    stack.callback(deployment.keep, place.directory, copy)
                for number, name in itertools.product(
                    range(arguments.runs), here
                ):
                    print(f'{name}, {side}, run {number}:', flush=True)
                    figures, broken = run(
                        place, every[name], side, number, arguments.seconds
                    )
                    runs.setdefault((name, side), []).append(figures)
                    # Stock promises nothing.
                    holds = holds and (side == 'stock' or not broken)
    finally:
        table = tables.Table('scenario', 'side', 'runs', *judge.COLUMNS)
        for key, several in runs.items():
            total = sum(several, judge.Figures())
            cells = (total[name] for name in judge.COLUMNS)
            table.add(*key, len(several), *cells)
        table.show()
    return 0 if holds else 1


if __name__ == '__main__':
    sys.exit(main())
