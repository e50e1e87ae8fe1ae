# SPDX-License-Identifier: Apache-2.0
"""Many nodes whose agents send heartbeats, on stock, plugin and outbox.

The sides run at the same time and are driven in turns; their order changes
from round to round. Ends with 0 when what must hold holds.
"""

import argparse
from collections.abc import Mapping
import contextlib
import dataclasses
import json
import logging
import pathlib
import sys
from typing import Any

from laboratory import command
from laboratory import configuration
from laboratory import errors
from laboratory import service
from laboratory.bench import load
from laboratory.bench import sides
from laboratory.hardware import agents
from laboratory.many import fleet
from laboratory.many import report

LOG = logging.getLogger('many')

_DIRECTORY = pathlib.Path('build/many')


@dataclasses.dataclass(frozen=True)
class Scenario:
    nodes: int
    conductors: int = 1
    workers: int = 100
    connections: int = 50
    #: Whether heartbeats are as many as are answered.
    flood: bool = False

    def configured(
        self, shared: sides.Servers, side: sides.Side
    ) -> service.Ironic:
        # What Ironic keeps for periodic tasks must be less than all.
        periodic = min(8, self.workers // 8)
        options = {
            'conductor': {
                'workers_pool_size': self.workers,
                'periodic_max_workers': periodic,
                'sync_power_state_workers': periodic,
                # Nodes that wait count: of 50 there are no more tear-downs.
                'max_concurrent_clean': 10 * self.nodes,
            },
            'database': {'max_pool_size': self.connections},
        }
        options = configuration.merged(fleet.OPTIONS, options)
        return sides.configured(shared, side, options=options)


SCENARIOS: Mapping[str, Scenario] = {
    **{str(n): Scenario(n) for n in (100, 1000, 10000)},
    'three': Scenario(10000, conductors=3),
    'few': Scenario(1000, workers=8),
    'connections': Scenario(1000, connections=5),
    'flood': Scenario(10000, flood=True),
    'few-flood': Scenario(1000, workers=8, flood=True),
}


def _measure(
    scenario: Scenario, rate: float, seconds: float, rounds: range
) -> dict[str, Any]:
    """Do rounds of a scenario.

    :param rounds: their numbers: of those that are there, the order goes on
    """
    with (
        sides.started(sides.MARIADB, scenario.configured) as running,
        contextlib.ExitStack() as stack,
    ):
        fleets = {}
        for each in running:
            # There are no machines.
            own = agents.Agents(lambda *_: None, lambda _: None)
            fleets[each.side.name] = fleet.Fleet(
                each,
                stack.enter_context(own),
                scenario.nodes,
                scenario.conductors,
            )
        LOG.info('%d nodes are there', scenario.nodes)
        for each in fleets.values():
            # What is done for the first time takes its time.
            each.both(rate, 3.0)
        measured = []
        orders = [*load.orders([*fleets], rounds.stop)]
        for number in rounds:
            measured.append(
                {
                    side: _round(fleets[side], scenario, rate, seconds)
                    for side in orders[number]
                }
            )
        ends = {side: each.end() for side, each in fleets.items()}
    return {'rounds': measured, 'ends': [ends]}


def _round(
    one: fleet.Fleet, scenario: Scenario, rate: float, seconds: float
) -> dict[str, Any]:
    done: dict[str, Any] = {'before': one.memory()}
    if scenario.flood:
        done['both'] = one.both(0.0, seconds)
    else:
        done['beats'] = one.beats(rate, seconds)
        done['lives'] = one.lives(seconds)
        done['both'] = one.both(rate, seconds)
    done['memory'] = one.memory()
    LOG.info('%s, %s', done['both']['codes'], done['both']['failed'])
    return done


def main() -> int:
    parser = command.parser(
        'many',
        __doc__,
        rate=(15.0, 'heartbeats a second, where they are no flood'),
        seconds=(8.0, 'how long each part of a round takes'),
        rounds=(3, 'how many rounds'),
        keep=(_DIRECTORY, 'where figures are written, and added'),
    )
    parser.add_argument('scenarios', nargs='*', help=', '.join(SCENARIOS))
    parsed = parser.parse_args()
    logging.basicConfig(
        format='%(asctime)s %(message)s', datefmt='%H:%M:%S', level='ERROR'
    )
    LOG.setLevel(logging.INFO)
    return command.run('many', lambda: _work(parsed))


def _work(parsed: argparse.Namespace) -> int:
    names = parsed.scenarios or SCENARIOS
    if unknown := set(names) - set(SCENARIOS):
        raise errors.LaboratoryError(f'not known: {", ".join(unknown)}')
    parsed.keep.mkdir(parents=True, exist_ok=True)
    for name in names:
        LOG.info('%s', name)
        path = parsed.keep / f'{name}.json'
        kept: dict[str, Any] = {'rounds': [], 'ends': []}
        if path.exists():
            kept = json.loads(path.read_text(encoding='utf-8'))
        done = len(kept['rounds'])
        more = _measure(
            SCENARIOS[name],
            parsed.rate,
            parsed.seconds,
            range(done, done + parsed.rounds),
        )
        kept = {key: kept[key] + new for key, new in more.items()}
        path.write_text(json.dumps(kept), encoding='utf-8')
    return report.show(parsed.keep)


if __name__ == '__main__':
    sys.exit(main())
