# SPDX-License-Identifier: Apache-2.0
"""Lives of nodes on emulated hardware, and trouble with their agents.

Stock, the plugin and the outbox beside each other.
"""

from collections.abc import Sequence
import pathlib
import sys

from ironic_async_events.command import app
from laboratory import cluster
from laboratory import command
from laboratory import deployment
from laboratory import errors
from laboratory import tables
from laboratory.hardware import trouble

_COUNTS = 'expected', 'received', 'lost', 'out_of_order', 'illegal'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named and print tables; 0 if everything holds."""
    parser = command.parser(
        'hardware',
        __doc__,
        only=('', 'scenarios whose names hold this'),
        keep=(pathlib.Path, 'keep configuration, logs and pictures there'),
    )
    parser.add_argument('part', nargs='*', choices=[*trouble.OPTIONS, []])
    parser.add_argument('--side', nargs='+', default=[*cluster.SIDES])
    parsed = parser.parse_args(arguments)

    def work() -> int:
        held = True
        parts = [
            part
            for part in parsed.part or trouble.OPTIONS
            if any(parsed.only in name for name in trouble.SCENARIOS[part])
        ]
        if not parts:
            raise errors.LaboratoryError(f'no name holds {parsed.only!r}')
        for part in parts:
            outcomes = {}
            for side in parsed.side:
                with trouble.placed(part, side, parsed.only) as place:
                    outcomes[side] = place.play()
                    if parsed.keep is not None:
                        _keep(place, parsed.keep / part / side, side)
                held = held and (outcomes[side].held or side == 'stock')
            _table(part, outcomes).show()
        return 0 if held else 1

    return command.run('hardware', work)


def _keep(place: trouble.Place, directory: pathlib.Path, title: str) -> None:
    """Keep what is worth reading, and draw the time in each state."""
    deployment.keep(place.directory, directory)
    picture = ['--output', f'{directory}.svg', '--title', title]
    recording = str(place.consumer.path)
    app.main(['timeline', '--file', recording, *picture])


def _table(part: str, outcomes: dict[str, trouble.Outcome]) -> tables.Table:
    sides = outcomes.values()
    table = tables.Table(part, *outcomes)
    for name in next(iter(sides)).said:
        table.add(name, *(one.said[name] for one in sides))
    for name in _COUNTS:
        table.add(name, *(one.account.as_dict()[name] for one in sides))
    table.add('broken 202', *('\n'.join(one.broken) for one in sides))
    table.add('left', *('\n'.join(one.left) for one in sides))
    return table


if __name__ == '__main__':
    sys.exit(main())
