# SPDX-License-Identifier: Apache-2.0
"""An hour of faults under load: half without the outbox, half with it.

Two conductors with RabbitMQ for requests and notifications, on MariaDB, and
every minute a fault: a conductor is killed, the broker goes away, the
database is restarted, a pool of workers is full, a configuration is read
again. At the end no node may be stranded and no lock left, every accepted
operation has ended or failed with a reason, and every notification that was
lost is named with the fault and the reason. With the outbox there is none.
"""

import argparse
from collections.abc import Sequence
import contextlib
import dataclasses
import json
import pathlib
import sys
import time

import rich
import rich.table

from laboratory import errors
from laboratory import processes
from laboratory.soak import account
from laboratory.soak import half


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print what became of it.

    :returns: 0 if everything holds, 1 if something does not, 2 if a run could
        not be done.
    """
    parsed = _parser().parse_args(arguments)
    processes.end_on_sigterm()
    kinds = [parsed.only] if parsed.only else [half.PLUGIN, half.OUTBOX]
    print(f'seed {parsed.seed}', flush=True)
    results = []
    try:
        for kind in kinds:
            minutes = parsed.minutes / len(kinds)
            plan = half.Plan(kind, minutes, parsed.interval, parsed.seed)
            results.append(half.run(plan, parsed.keep))
    except errors.LaboratoryError as error:
        print(f'soak: {error}', file=sys.stderr)
        return 2
    return _report(results, parsed.keep)


def _report(
    results: Sequence[account.Result], keep: pathlib.Path | None
) -> int:
    sheet = rich.table.Table('', *(one.kind for one in results))
    for name in results[0].counts():
        sheet.add_row(name, *(str(one.counts()[name]) for one in results))
    violations = []
    for one in results:
        print('\n'.join((f'\n{one.kind}:', *one.by_fault())))
        violations += [f'{one.kind}: {line}' for line in one.violations()]
    rich.print(sheet)
    print('\n'.join(violations) or 'everything holds')
    if keep is not None:
        figures = [dataclasses.asdict(one) for one in results]
        (keep / 'soak.json').write_text(
            json.dumps(figures, indent=1, default=str)
        )
    return 1 if violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.soak',
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        '--minutes', type=float, default=60.0, help='of load, over both halves'
    )
    parser.add_argument(
        '--only', choices=(half.PLUGIN, half.OUTBOX), help='one half alone'
    )
    parser.add_argument(
        '--interval',
        type=float,
        default=60.0,
        help='seconds from one fault to the next',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=time.time_ns() % 100000,
        help='for the faults and for what the clients do; it is printed',
    )
    parser.add_argument(
        '--keep',
        type=pathlib.Path,
        metavar='DIR',
        help='keep configuration, logs, notifications and figures in DIR',
    )
    return parser


if __name__ == '__main__':
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
