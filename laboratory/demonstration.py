# SPDX-License-Identifier: Apache-2.0
"""The same life cycles on stock Ironic and with the plugin, in one table.

A patched Ironic runs them without the plugin, and alone. SQLite, no broker,
everything on loopback and in a directory that is removed at the end.
"""

from collections.abc import Sequence
import pathlib
import sys

import rich.console
import rich.progress
import rich.table

from ironic_async_events.patching import patched
from laboratory import command
from laboratory import deployment


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides and print the table.

    :returns: 0 when the last side shows no anomaly, 1 when it shows one,
        2 when a run could not be done.
    """
    parsed = command.parser(
        'demonstration',
        'Run the same life cycles of nodes on stock Ironic and with '
        'ironic-async-events, or on a patched Ironic alone, and count what '
        'became of the notifications.',
        clients=(8, 'how many clients at once'),
        cycles=(2, 'how many nodes each client leads through its life'),
        keep=(pathlib.Path, 'keep configuration, logs and figures there'),
    ).parse_args(arguments)
    console = rich.console.Console(width=None if sys.stdout.isatty() else 100)

    def work() -> int:
        results = []
        for plugin in (False,) if patched.is_patched() else (False, True):
            one = deployment.Run(
                plugin=plugin, clients=parsed.clients, cycles=parsed.cycles
            )
            results.append(_measure(console, one, parsed.keep))
        console.print(table(results))
        for line in remarks(results):
            console.print(line, markup=False, soft_wrap=True)
        return 1 if results[-1].anomalies else 0

    return command.run('demonstration', work)


def table(results: Sequence[deployment.Result]) -> rich.table.Table:
    sheet = rich.table.Table('Ironic', title='provision_set notifications')
    faults = ('lost', 'out of order', 'illegal')
    for name in ('operations', 'expected', 'received', *faults, 'seconds'):
        sheet.add_column(name, justify='right')
    for result in results:
        counts = result.account.as_dict()
        sheet.add_row(
            result.run.side,
            str(result.operations),
            str(counts['expected']),
            str(counts['received']),
            *(_count(counts[name.replace(' ', '_')]) for name in faults),
            f'{result.seconds:.0f}',
        )
    return sheet


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


def _count(number: int) -> str:
    return f'[red]{number}[/red]' if number else '0'


def _measure(
    console: rich.console.Console,
    one: deployment.Run,
    keep: pathlib.Path | None,
) -> deployment.Result:
    name = 'plugin' if one.plugin else one.side
    with rich.progress.Progress(console=console) as progress:
        task = progress.add_task(f'{one.side:>15}', total=one.total)
        return deployment.execute(
            one, keep and keep / name, lambda: progress.advance(task)
        )


if __name__ == '__main__':
    sys.exit(main())
