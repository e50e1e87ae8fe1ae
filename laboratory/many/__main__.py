# SPDX-License-Identifier: Apache-2.0
"""Many nodes whose agents send heartbeats, on stock, plugin and outbox.

The sides run at the same time and are driven in turns; their order changes
from round to round. Ends with 0 when what must hold holds.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import json
import logging
import pathlib
import sys
from typing import Any

from laboratory import cluster
from laboratory import command
from laboratory import configuration
from laboratory import deployment
from laboratory import errors
from laboratory.many import agents
from laboratory.many import fleet
from laboratory.many import report

LOG = logging.getLogger('many')

_DIRECTORY = pathlib.Path('build/many')
_CLIENTS = 3


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is started, and how many nodes wait one step after the other."""

    nodes: Sequence[int]
    conductors: int = 1
    workers: int = 100
    connections: int = 50
    #: Heartbeats a second; 0 for as many as are answered.
    rate: float = 0.0


def _scenarios(rate: float) -> Mapping[str, Scenario]:
    return {
        'growth': Scenario((100, 1000, 10000), rate=rate),
        'three': Scenario((10000,), conductors=3, rate=rate),
        'flood': Scenario((10000,)),
        'few': Scenario((1000,), workers=8, rate=rate),
        'few-flood': Scenario((10000,), workers=8),
        'connections': Scenario((1000,), connections=5, rate=rate),
    }


@contextlib.contextmanager
def _fleets(
    scenario: Scenario, own: agents.Agents
) -> Iterator[dict[str, fleet.Fleet]]:
    options = configuration.merged(
        fleet.OPTIONS,
        {
            'conductor': {'workers_pool_size': scenario.workers},
            'database': {'max_pool_size': scenario.connections},
        },
    )
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(deployment.servers('mariadb', True))
        assert shared.rabbitmq is not None
        shared.rabbitmq.add_hosts([*cluster.SIDES])
        running = {
            side: stack.enter_context(
                fleet.Side(shared, side, scenario.conductors, options)
            )
            for side in cluster.SIDES
        }
        yield {
            side: fleet.Fleet(one, own, _CLIENTS)
            for side, one in running.items()
        }


def _measure(
    scenario: Scenario, rounds: int, seconds: float
) -> dict[str, Any]:
    """Do all rounds of a scenario; number of nodes -> rounds of all sides."""
    measured: dict[str, Any] = {'nodes': {}}
    with agents.Agents() as own, _fleets(scenario, own) as fleets:
        sides = list(fleets)
        for side, each in fleets.items():
            # What is done for the first time takes its time.
            first = each.both(scenario.rate or 5.0, 5.0)
            LOG.info('%s is warm: %s', side, first['beats']['codes'])
        for number in scenario.nodes:
            for each in fleets.values():
                each.grow(number)
            done = measured['nodes'][str(number)] = []
            for turn in range(rounds):
                first = turn % len(sides)
                order = sides[first:] + sides[:first]
                done.append(
                    {
                        side: _round(fleets[side], scenario.rate, seconds)
                        for side in order
                    }
                )
        measured['end'] = {
            side: {
                'stranded': each.stranded(),
                'idle': each.idle(5.0),
                'drained': side != 'outbox' or each.cluster.drained(),
                'books': _books(each),
            }
            for side, each in fleets.items()
        }
    return measured


def _round(one: fleet.Fleet, rate: float, seconds: float) -> dict[str, Any]:
    done = {
        'beats': one.beats(rate, seconds),
        'lives': one.lives(),
        'both': one.both(rate, seconds),
        'memory': one.memory(),
    }
    LOG.info('%s: %s', done['beats'], done['lives']['failed'])
    return done


def _books(one: fleet.Fleet) -> dict[str, Any]:
    one.cluster.consumer.wait_quiet(1.0, 60.0)
    return one.cluster.account().as_dict()


def main() -> int:
    parser = command.parser(
        'many',
        __doc__,
        rate=(15.0, 'heartbeats a second, where they are not as many as can'),
        seconds=(10.0, 'how long each round sends heartbeats'),
        rounds=(3, 'how many rounds'),
        nodes=(0, 'in all scenarios, instead of what they have'),
        keep=(_DIRECTORY, 'where figures are written, and kept'),
    )
    parser.add_argument('scenarios', nargs='*', help=', '.join(_scenarios(0)))
    parsed = parser.parse_args()
    logging.basicConfig(
        format='%(asctime)s %(message)s', datefmt='%H:%M:%S', level='ERROR'
    )
    LOG.setLevel(logging.INFO)
    return command.run('many', lambda: _work(parsed))


def _work(parsed: argparse.Namespace) -> int:
    scenarios = _scenarios(parsed.rate)
    unknown = set(parsed.scenarios) - set(scenarios)
    if unknown:
        raise errors.LaboratoryError(f'not known: {", ".join(unknown)}')
    parsed.keep.mkdir(parents=True, exist_ok=True)
    for name in parsed.scenarios or scenarios:
        LOG.info('%s', name)
        scenario = scenarios[name]
        if parsed.nodes:
            scenario = dataclasses.replace(scenario, nodes=(parsed.nodes,))
        measured = _measure(scenario, parsed.rounds, parsed.seconds)
        # What was measured earlier stays.
        (parsed.keep / f'{name}.json').write_text(json.dumps(measured))
    return report.show(parsed.keep)


if __name__ == '__main__':
    sys.exit(main())
