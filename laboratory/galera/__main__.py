# SPDX-License-Identifier: Apache-2.0
"""Run scenarios on stock, with the plugin and with the outbox.

``python -m laboratory.galera --scenario haproxy --side plugin --runs 10``
"""

import argparse
from collections.abc import Sequence
import contextlib
import dataclasses
import itertools
import json
import pathlib
import sys
import time
from typing import Any

from laboratory import deployment
from laboratory import errors
from laboratory import processes
from laboratory import wanderer
from laboratory.galera import judge
from laboratory.galera import place as p
from laboratory.galera import scenarios

# Longer than periodic tasks and retries pause.
_CALM_SECONDS = 25.0
_WHOLE_SECONDS = 90.0
_NODES = 8
_CLIENTS = 8


class Runs:
    """Runs of one side on one layout, one after the other.

    :param place: what runs.
    """

    def __init__(self, place: p.Place) -> None:
        self._place = place

    def run(
        self, scenario: scenarios.Scenario, number: int, seconds: float
    ) -> judge.Result:
        """Let something happen to clients at work, and judge it.

        :param scenario: what happens.
        :param number: of the run.
        :param seconds: for how long clients are at work.
        """
        place, answers = self._place, judge.Answers()
        before = [len(place.log(number)) for number in range(3)]
        seen = self._last_seen()
        load = wanderer.Wanderers(
            place.endpoint, _CLIENTS, _NODES, number, connect=answers.connect
        )
        with load:
            scenario.hurt(place, number, seconds)
        if not processes.wait_for(place.galera.whole, _WHOLE_SECONDS, 0.5):
            raise errors.LaboratoryError('the servers do not come together')
        nodes = self._at_rest(load)
        drained = place.drained(30)
        logs = [
            place.log(number)[length:] for number, length in enumerate(before)
        ]
        result, rows = judge.result(
            [x for x in place.eye.read() if x.id not in seen],
            place.observations(),
            answers,
            nodes,
            '\n'.join(logs),
        )
        self._tell(result, rows, answers, nodes, logs, scenario, drained)
        return result

    def _last_seen(self) -> set[int]:
        return {one.id for one in self._place.eye.read()}

    def _nodes(self, load: wanderer.Wanderers) -> list[Any]:
        ours = set(load.nodes)
        return [
            row
            for row in self._place.eye.query(
                'SELECT uuid, provision_state, reservation, last_error '
                'FROM nodes ORDER BY uuid'
            )
            if row[0] in ours
        ]

    def _at_rest(self, load: wanderer.Wanderers) -> list[Any]:
        """Wait until nodes are at rest, or nothing happens to them any more.

        :returns: the nodes.
        """
        nodes, since = self._nodes(load), time.monotonic()
        while (
            not all(_rests(node) for node in nodes)
            and time.monotonic() < since + _CALM_SECONDS
        ):
            time.sleep(0.5)
            before, nodes = nodes, self._nodes(load)
            if nodes != before:
                since = time.monotonic()
        return nodes

    def _tell(
        self,
        result: judge.Result,
        rows: Sequence[Any],
        answers: judge.Answers,
        nodes: Sequence[Any],
        logs: Sequence[str],
        scenario: scenarios.Scenario,
        drained: bool,
    ) -> None:
        """Print what helps to find a cause."""
        broken = result.broken(scenario.promised)
        print(
            json.dumps({'broken': broken, **dataclasses.asdict(result)}),
            flush=True,
        )
        if not drained:
            print('  messages are left in the outbox')
        for text in answers.failed[:1]:
            print(f'  answered {text[:400]}')
        for row in rows[:5]:
            print(f'  {row.name}: {row.change or row.observation}')
        for text, count in judge.causes('\n'.join(logs)).most_common(8):
            print(f'  {count} x {text}')
        for node in itertools.filterfalse(_rests, nodes):
            uuid, state, holder, error = node
            print(f'  node {uuid} is {state}, locked by {holder}: {error}')
            about = [
                line
                for line in itertools.chain(*(x.splitlines() for x in logs))
                if uuid in line
            ]
            for line in sorted(about)[-6:]:
                print(f'    {line[:300]}')
        sys.stdout.flush()


def _rests(node: Any) -> bool:
    return node.provision_state in wanderer.WAYS and node.reservation is None


def main(argv: Sequence[str] | None = None) -> int:
    """Run scenarios and print a table.

    :param argv: the arguments; by default those of the process.
    :returns: 0 if everything holds that is promised.
    """
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='\n'.join(
            f'{name}: {one.title}' for name, one in scenarios.SCENARIOS.items()
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--scenario', nargs='+', choices=scenarios.SCENARIOS)
    parser.add_argument('--side', nargs='+', choices=p.SIDES)
    parser.add_argument('--runs', type=int, default=1)
    parser.add_argument('--seconds', type=float, default=12.0)
    parser.add_argument('--keep', type=pathlib.Path)
    arguments = parser.parse_args(argv)
    processes.end_on_sigterm()
    results: dict[tuple[str, str], judge.Result] = {}
    runs: dict[tuple[str, str], int] = {}
    held = True
    chosen = {
        name: scenarios.SCENARIOS[name]
        for name in arguments.scenario or scenarios.SCENARIOS
    }
    layouts = dict.fromkeys(one.layout for one in chosen.values())
    for side, layout in itertools.product(arguments.side or p.SIDES, layouts):
        with contextlib.ExitStack() as stack:
            place = stack.enter_context(p.Place(side, layout))
            if arguments.keep:
                stack.callback(
                    deployment.keep,
                    place.directory,
                    arguments.keep / f'{side}-{layout.database}',
                )
            of_place = Runs(place)
            for name, scenario in chosen.items():
                if scenario.layout != layout:
                    continue
                for number in range(arguments.runs):
                    print(f'{name}, {side}, run {number}:', flush=True)
                    result = of_place.run(scenario, number, arguments.seconds)
                    key = name, side
                    results[key] = results.get(key, judge.Result()) + result
                    runs[key] = runs.get(key, 0) + 1
                if side != 'stock':
                    held &= not results[name, side].broken(scenario.promised)
    print(judge.table(results, runs))
    return 0 if held else 1


if __name__ == '__main__':
    sys.exit(main())
