# SPDX-License-Identifier: Apache-2.0
"""The same life cycles on stock Ironic and with the plugin, in one table.

A patched Ironic runs them without the plugin, and alone. SQLite, no broker,
everything on loopback and in a directory that is removed at the end.
"""

from collections.abc import Sequence
import pathlib
import sys

from ironic_async_events.patching import patched
from laboratory import command
from laboratory import deployment
from laboratory import tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides and print the table.

    :returns: 0 when the last side shows no anomaly, 1 when it shows one,
        2 when a run could not be done.
    """
    parsed = command.parser(
        'demonstration',
        __doc__,
        clients=(8, 'how many clients at once'),
        cycles=(2, 'how many nodes each client leads through its life'),
        keep=(pathlib.Path, 'keep configuration, logs and recordings there'),
    ).parse_args(arguments)

    def work() -> int:
        results = []
        for plugin in (False,) if patched.is_patched() else (False, True):
            one = deployment.Run(
                plugin=plugin, clients=parsed.clients, cycles=parsed.cycles
            )
            print(f'{one.side}: {one.total} operations', flush=True)
            name = 'plugin' if plugin else one.side
            keep = parsed.keep and parsed.keep / name
            results.append(deployment.execute(one, keep))
        _show(results)
        print(*remarks(results), sep='\n')
        return 1 if results[-1].anomalies else 0

    return command.run('demonstration', work)


def _show(results: Sequence[deployment.Result]) -> None:
    columns = 'expected', 'received', 'lost', 'out_of_order', 'illegal'
    table = tables.Table(
        *('Ironic', 'operations'),
        *(name.replace('_', ' ') for name in columns),
        'seconds',
        title='provision_set notifications',
    )
    for result in results:
        counts = result.account.as_dict()
        table.add(
            *(result.run.side, result.operations),
            *map(counts.get, columns),
            f'{result.seconds:.0f}',
            style='red' if result.anomalies else '',
        )
    table.show()


def remarks(results: Sequence[deployment.Result]) -> list[str]:
    """Say in words what does not stand in the table."""
    lines = []
    for result in results:
        name = result.run.side
        lines.append(
            f'{name}: {len(result.get_violations)} of {result.operations} '
            f'requests were answered with 202 before the new state showed'
        )
        other = result.account.unexpected + result.account.duplicate
        if other or result.malformed:
            lines.append(
                f'{name}: {other} notifications of nothing that happened, '
                f'{len(result.malformed)} that cannot be read'
            )
    for line in results[-1].get_violations[:10]:
        lines.append(f'  {line}')
    for row in results[-1].account.rows[:10]:
        lines.append(f'  {row.name}: {row.change or row.observation}')
    return lines


if __name__ == '__main__':
    sys.exit(main())
