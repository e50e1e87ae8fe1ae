# SPDX-License-Identifier: Apache-2.0
"""What must hold when services die, are stopped, or lose each other.

Prints the figures of each scenario as a line of JSON; the exit code says
whether everything held. The short forms are functional tests.
"""

from collections.abc import Sequence
import json
import sys
import time

from laboratory import command
from laboratory.chaos import scenarios


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(
        'chaos',
        __doc__,
        times=(5, 'how often something is killed or restarted'),
        operations=(60, 'how many are done meanwhile'),
        messages=(10000, 'how many are published'),
        seed=(time.time_ns() % 100000, 'for moments, victims and clients'),
    )
    parser.add_argument('scenario', nargs='+', choices=scenarios.SCENARIOS)
    arguments = parser.parse_args(argv)

    def work() -> int:
        held = True
        for name in arguments.scenario:
            scenario, unit = scenarios.SCENARIOS[name]
            much = {unit: getattr(arguments, unit)} if unit else {}
            print(f'{name}: {much | {"seed": arguments.seed}}', flush=True)
            found = scenario(*much.values(), seed=arguments.seed)
            print(json.dumps({'scenario': name, **much, **found}), flush=True)
            held = held and found['held']
        return 0 if held else 1

    return command.run('chaos', work)


if __name__ == '__main__':
    sys.exit(main())
