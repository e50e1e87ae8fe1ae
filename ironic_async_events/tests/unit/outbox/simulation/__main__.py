# SPDX-License-Identifier: Apache-2.0
"""Run the simulation for many steps.

``python -m ironic_async_events.tests.unit.outbox.simulation --steps 200000
--seed 1`` prints how many steps it did and the first violation, as the
shortest history that leads to it; the exit code says whether there was one.
``--refused 100000`` runs the scenarios with that many refused messages
instead, and 15 minutes of a steady stream.
"""

import argparse
import sys
import time
import traceback
import unittest

import hypothesis
from hypothesis import stateful

from ironic_async_events.tests.unit.outbox import test_scenarios
from ironic_async_events.tests.unit.outbox.simulation import machine

_LENGTH = 50
_PART = 100


def any_seed():
    """Return a seed that differs from run to run."""
    return time.time_ns() % 100000


def run(seed, examples, length=_LENGTH):
    """Run some histories.

    :param seed: repeats them
    :param examples: how many
    :param length: of how many steps each
    :raises Exception: when something does not hold
    """
    stateful.run_state_machine_as_test(
        hypothesis.seed(seed)(machine.Machine),
        settings=hypothesis.settings(
            max_examples=examples,
            stateful_step_count=length,
            deadline=None,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )


def main(argv=None):
    """Run histories until there are enough steps.

    :param argv: the arguments; by default those of the process
    :returns: 0 if everything held
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=200000)
    parser.add_argument('--seed', type=int, default=any_seed())
    parser.add_argument('--refused', type=int)
    arguments = parser.parse_args(argv)
    if arguments.refused:
        case = test_scenarios.ManyTestCase
        case.COUNT, case.SECONDS = arguments.refused, 900
        tests = unittest.defaultTestLoader.loadTestsFromTestCase(case)
        ended = unittest.TextTestRunner(verbosity=2).run(tests)
        return 0 if ended.wasSuccessful() else 1
    seed = arguments.seed
    began = time.monotonic()
    violations = 0
    while machine.Machine.steps < arguments.steps:
        try:
            run(seed, _PART)
        except Exception:
            violations += 1
            traceback.print_exc()
            break
        finally:
            print(
                f'seed {seed}: {machine.Machine.steps} steps, '
                f'{time.monotonic() - began:.0f} s, {violations} violations',
                flush=True,
            )
        seed += 1
    return 1 if violations else 0


if __name__ == '__main__':
    sys.exit(main())
