# SPDX-License-Identifier: Apache-2.0
"""Walk the table and print the counts.

With the plugin every case has to be as before; with ``--stock`` the figures
of stock Ironic have to come out, otherwise the table measures nothing. The
exit status is 0 if so.
"""

import argparse
import logging
import sys
import warnings

# Ironic's fixtures set filters of their own.
warnings.showwarning = lambda *args, **kwargs: None

from ironic_async_events.tests.unit import fixtures  # noqa: E402
from ironic_async_events.tests.unit.spawn_failures import causes  # noqa: E402
from ironic_async_events.tests.unit.spawn_failures import runner  # noqa: E402


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f'python -m {__package__}', description=__doc__
    )
    parser.add_argument(
        '--stock', action='store_true', help='leave the plugin out'
    )
    parser.add_argument(
        '--cause',
        action='append',
        choices=[cause.name for cause in causes.CAUSES],
        help='only this one; may be repeated',
    )
    parser.add_argument(
        '--verbose', action='store_true', help='name what is not as before'
    )
    return parser.parse_args()


def _stock(report: runner.Report, verbose: bool) -> bool:
    counts = ', '.join(
        f'{count} {fate.value}' for fate, count in report.fates().items()
    )
    print(
        f'stock, {report.cause.name}: {len(report.outcomes)} cases: {counts}'
    )
    altered = sum(bool(each.faults()) for each in report.outcomes)
    print(f'  {altered} of them differ in at least one respect')
    if verbose:
        _show(report.faults(judge_error=False) + report.skipped)
    _show(report.broken)
    expected = runner.stock_figures(report.cause)
    if expected is not None and expected != tuple(report.fates().values()):
        print(f'  NOT REPRODUCED: expected {expected}')
        return False
    return not report.broken


def _plugin(report: runner.Report, verbose: bool) -> bool:
    faults = report.faults()
    judged = len(report.outcomes) + len(report.broken)
    print(
        f'plugin, {report.cause.name}: {judged - len(faults)} of {judged} as '
        f'before, {len(report.skipped)} do not apply'
    )
    _show(faults)
    if verbose:
        _show(report.skipped)
    return not faults and bool(judged)


def _show(lines: list[str]) -> None:
    for line in lines:
        print(f'  {line}')


def main() -> int:
    """Run what the command line asks for.

    :returns: the exit status.
    """
    arguments = _arguments()
    logging.disable()
    good = True
    for cause in causes.CAUSES:
        if arguments.cause and cause.name not in arguments.cause:
            continue
        if arguments.stock:
            if cause.only_staged:
                print(f'stock, {cause.name}: no worker saves the state there')
                continue
            good &= _stock(runner.run(cause), arguments.verbose)
        else:
            with fixtures.Plugin():
                report = runner.run(cause)
            good &= _plugin(report, arguments.verbose)
        sys.stdout.flush()
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
