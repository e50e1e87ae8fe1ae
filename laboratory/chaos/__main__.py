# SPDX-License-Identifier: Apache-2.0
"""What must hold when services die, are stopped, or lose each other.

``python -m laboratory.chaos kills --times 100`` runs a scenario and prints
its figures as a line of JSON; the exit code says whether everything held.
The short forms are functional tests.
"""

import argparse
from collections.abc import Sequence
import json
import sys
import time

from laboratory import processes
from laboratory.chaos import scenarios


def main(argv: Sequence[str] | None = None) -> int:
    """Run scenarios; 0 if everything held."""
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.chaos', description=__doc__
    )
    parser.add_argument('scenario', nargs='+', choices=scenarios.SCENARIOS)
    parser.add_argument('--times', type=int, default=5)
    parser.add_argument('--operations', type=int, default=60)
    parser.add_argument('--messages', type=int, default=10000)
    parser.add_argument('--seed', type=int, default=time.time_ns() % 100000)
    arguments = parser.parse_args(argv)
    processes.end_on_sigterm()
    held = True
    for name in arguments.scenario:
        scenario, unit = scenarios.SCENARIOS[name]
        much = {unit: getattr(arguments, unit)} if unit else {}
        print(f'{name}: {much | {"seed": arguments.seed}}', flush=True)
        figures = scenario(*much.values(), seed=arguments.seed)
        print(json.dumps({'scenario': name, **much, **figures}), flush=True)
        held = held and figures['held']
    return 0 if held else 1


if __name__ == '__main__':
    sys.exit(main())
