# SPDX-License-Identifier: Apache-2.0
"""Lives of nodes on emulated hardware, and trouble with their agents.

Stock, the plugin and the outbox beside each other, on MariaDB and RabbitMQ;
scenarios without workers and with time-outs on SQLite.
"""

from collections.abc import Sequence
import pathlib
import sys
import time

from ironic_async_events.command import app
from laboratory import cluster
from laboratory import command
from laboratory import contract
from laboratory import deployment
from laboratory import tables
from laboratory.hardware import lives
from laboratory.hardware import trouble

_COUNTS = 'expected', 'received', 'lost', 'out_of_order', 'illegal'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named and print tables; 0 if everything holds."""
    parser = command.parser(
        'hardware',
        __doc__,
        nodes=(3, 'how many live a life'),
        only=('', 'scenarios of trouble whose names hold this'),
        keep=(pathlib.Path, 'keep configuration, logs and pictures there'),
    )
    parts = [*trouble.OPTIONS]
    parser.add_argument('part', nargs='*', choices=parts, default=parts)
    parser.add_argument('--side', nargs='+', default=[*cluster.SIDES])
    parsed = parser.parse_args(arguments)

    def work() -> int:
        held = True
        for part in parsed.part:
            if part == 'lives':
                held = _lives(parsed.side, parsed.nodes, parsed.keep) and held
            else:
                held = _trouble(part, parsed.side, parsed.only) and held
        return 0 if held else 1

    return command.run('hardware', work)


def _lives(
    sides: Sequence[str], nodes: int, keep: pathlib.Path | None
) -> bool:
    columns = 'operations', *_COUNTS, 'kept', 'seconds'
    table = tables.Table('lives', *columns)
    held = True
    for side in sides:
        with trouble.placed('lives', nodes, side) as place:
            began = time.monotonic()
            accepted = lives.drive(place.park)
            seconds = time.monotonic() - began
            place.drained()
            account = place.account()
            broken = contract.violations(accepted, place.eye.read())
            if keep is not None:
                _keep(place, keep / side, side)
        counts = account.as_dict()
        fine = not account.rows and not broken
        table.add(
            *(side, len(accepted), *map(counts.get, _COUNTS)),
            *(len(accepted) - len(broken), f'{seconds:.0f}'),
            style='' if fine else 'red',
        )
        held = held and (fine or side == 'stock')
    table.show()
    return held


def _keep(place: trouble.Place, directory: pathlib.Path, title: str) -> None:
    """Keep what is worth reading, and draw the time in each state."""
    deployment.keep(place.directory, directory)
    picture = ['--output', f'{directory}.svg', '--title', title]
    recording = str(place.consumer.path)
    app.main(['timeline', '--file', recording, *picture])


def _trouble(part: str, sides: Sequence[str], only: str) -> bool:
    outcomes = {side: trouble.run(part, side, only) for side in sides}
    table = tables.Table(part, *outcomes)
    for name in next(iter(outcomes.values())).said:
        cells = [one.said[name] or 'held' for one in outcomes.values()]
        table.add(name, *cells)
    for name in _COUNTS:
        counts = [one.account.as_dict()[name] for one in outcomes.values()]
        table.add(name, *counts)
    table.add('left', *('\n'.join(one.left) for one in outcomes.values()))
    table.show()
    return all(one.held for side, one in outcomes.items() if side != 'stock')


if __name__ == '__main__':
    sys.exit(main())
