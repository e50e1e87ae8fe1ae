# SPDX-License-Identifier: Apache-2.0
"""An hour of faults under load: half without the outbox, half with it.

At the end no node may be stranded and no lock left, every accepted operation
has ended or failed with a reason, and every notification that was lost is
named with the fault and the reason. With the outbox there is none.
"""

from collections.abc import Sequence
import pathlib
import sys
import time

from laboratory import command
from laboratory import tables
from laboratory.soak import account
from laboratory.soak import half


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print what became of it; 0 if everything holds."""
    parser = command.parser(
        'soak',
        __doc__,
        minutes=(60.0, 'of load, over both halves'),
        interval=(60.0, 'seconds from one fault to the next'),
        seed=(time.time_ns() % 100000, 'for faults and clients; is printed'),
        keep=(pathlib.Path, 'keep configuration, logs and recordings there'),
    )
    parser.add_argument(
        '--only', choices=(half.PLUGIN, half.OUTBOX), help='one half alone'
    )
    parsed = parser.parse_args(arguments)
    kinds = [parsed.only] if parsed.only else [half.PLUGIN, half.OUTBOX]
    print(f'seed {parsed.seed}', flush=True)

    def work() -> int:
        results = []
        for kind in kinds:
            minutes = parsed.minutes / len(kinds)
            plan = half.Plan(kind, minutes, parsed.interval, parsed.seed)
            results.append(half.run(plan, parsed.keep))
        return _report(results)

    return command.run('soak', work)


def _report(results: Sequence[account.Result]) -> int:
    table = tables.Table('', *(one.kind for one in results))
    for name in results[0].counts():
        table.add(name, *(one.counts()[name] for one in results))
    violations = []
    for one in results:
        print('\n'.join((f'\n{one.kind}:', *one.by_fault())))
        violations += [f'{one.kind}: {line}' for line in one.violations()]
    table.show()
    print('\n'.join(violations) or 'everything holds')
    return 1 if violations else 0


if __name__ == '__main__':
    sys.exit(main())
