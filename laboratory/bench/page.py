# SPDX-License-Identifier: Apache-2.0
"""A page with every figure of the result."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import pathlib
import textwrap
from typing import Any

from laboratory.bench import compared
from laboratory.bench import figures
from laboratory.bench import judge
from laboratory.bench import pictures
from laboratory.bench import report

NAME = 'benchmark.rst'
"""The name of the page."""

_WIDTH = 79

_INTRODUCTION = """\
Stock Ironic, the plugin (``async_events`` beside ``messagingv2``) and the
plugin with the outbox (``async_events_outbox`` alone) run at the same time on
one machine, on the services of the laboratory, and are driven in turns: stock,
plugin, outbox, stock, and so on. Each round of a side is compared with stock's
round beside it. What is shown is the median of these ratios and, in
parentheses, its interval by the sign test, which covers at least
{confidence:.0%}; with fewer than eight rounds that is all of them.

These are ratios. The machine is small, clients and servers share it, and none
of its times is a promise for another. Where the interval of a ratio of wall
clock times contains the limit, the times cannot decide; then the CPU seconds
of the conductor for each operation do, which must be at most
{limit:.2f} times stock's. The last column says which was used.
"""

_SECTIONS: Mapping[str, tuple[str, str]] = {
    'load': (
        'Under load',
        'Clients lead nodes through a life on ``fake-hardware``. The end of '
        'an operation is its last commit, as a trigger in the database saw '
        'it. With the plugin the 202 comes as soon as the state is saved; '
        'what stock does before it, announcing the start, comes after it. '
        'The time from ``PUT`` to the end does not depend on where between '
        'them the 202 is.',
    ),
    'statements': (
        'Statements',
        "What the conductor's operations execute, counted by SQLAlchemy's "
        'events in a whole life of one node. What the relay of the outbox '
        'executes, in batches and on its own account, is below.',
    ),
    'startup': (
        'Start',
        'From the start of the process until a conductor takes requests or '
        'an API listens. The third part is what contains all that the '
        'plugin adds to ``ironic-api``: the reading of its configuration, '
        'and the loading of the notification drivers with it.',
    ),
    'memory': (
        'Memory',
        'What the conductor has allocated. The second half of many '
        'operations is compared with the first, in which caches fill.',
    ),
    'spawns': (
        'The task manager alone',
        'A node is locked, a worker saves the state of an operation and the '
        'state of its end, and unlocks the node: without a request, without '
        'a driver, with nothing announced, in one process. What stock does '
        'not announce it does not pay for; here it has nothing to leave out.',
    ),
    'locks': (
        'Locks',
        'The snapshot of a node that the plugin takes under each exclusive '
        'lock.',
    ),
    'trouble': (
        'A broker that is slow or down',
        'A proxy before the broker holds up each publish for 200 ms, or '
        'refuses connections. Conductor and API are one process. With the '
        'plugin alone the worker announces, so that the operation, not the '
        'request, waits for the broker.',
    ),
    'growth': (
        'Many nodes',
        'The same operations with more and more nodes in the database: what '
        'they take with the most nodes, as a ratio to the fewest.',
    ),
}


def write(
    document: report.Document, drawn: Sequence[str], directory: pathlib.Path
) -> None:
    """Write the page beside its pictures.

    :param document: the result.
    :param drawn: the names of its pictures.
    :param directory: where they are.
    """
    (directory / NAME).write_text(
        '\n'.join(compose(document, drawn)) + '\n', encoding='utf-8'
    )


def compose(document: report.Document, drawn: Sequence[str]) -> Iterator[str]:
    """Compose the lines of the page.

    :param document: the result.
    :param drawn: the names of its pictures.
    """
    yield from _heading('Benchmark', '=', above=True)
    yield from _INTRODUCTION.format(
        confidence=figures.CONFIDENCE, limit=figures.CPU_LIMIT
    ).splitlines()
    yield ''
    yield from _heading('What was measured', '=')
    yield from _table(
        (45, 55),
        ('what', 'version or size'),
        [
            *document['versions'].items(),
            *document['machine'].items(),
            ('made on', document['made_on']),
        ],
    )
    found = report.lines(document)
    yield from _summary(found)
    for name, (title, text) in _SECTIONS.items():
        if name not in document['figures']:
            continue
        yield from _heading(title, '=')
        yield from textwrap.wrap(text, _WIDTH)
        yield ''
        yield (
            f'Measured in the {document["forms"][name]} form, with '
            f'ironic-async-events'
        )
        yield f'{document["plugins"][name]}.'
        yield ''
        picture = f'benchmark-{name}.svg'
        if picture in drawn:
            yield f'.. image:: {picture}'
            yield f'   :alt: {title}: stock, plugin and outbox'
            yield ''
        yield from _lines(judge.JUDGES[name](document['figures'][name]))
        if name == 'statements':
            yield from _counts(document['figures'][name])


def _heading(title: str, mark: str, above: bool = False) -> Iterator[str]:
    if above:
        yield mark * len(title)
    yield title
    yield mark * len(title)
    yield ''


def _table(
    widths: Sequence[int],
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
) -> Iterator[str]:
    yield '.. list-table::'
    yield '   :header-rows: 1'
    yield f'   :widths: {" ".join(map(str, widths))}'
    yield ''
    for row in (header, *rows):
        for number, cell in enumerate(row):
            mark = '   * - ' if number == 0 else '     - '
            yield from textwrap.wrap(
                cell,
                _WIDTH,
                initial_indent=mark,
                subsequent_indent=' ' * len(mark),
            ) or [mark.rstrip()]
    yield ''


def _summary(found: Sequence[figures.Line]) -> Iterator[str]:
    yield from _heading('In short', '=')
    counts = {
        verdict: sum(one.verdict is verdict for one in found)
        for verdict in figures.Verdict
    }
    text = ', '.join(f'{number} {name}' for name, number in counts.items())
    yield from textwrap.wrap(
        f'Of {len(found)} figures: {text}. Those that miss:', _WIDTH
    )
    yield ''
    missed = [one for one in found if one.verdict is figures.Verdict.MISSED]
    if missed:
        yield from _lines(missed)
    else:
        yield 'None.'
        yield ''


def _lines(found: Iterable[figures.Line]) -> Iterator[str]:
    """Lay out lines, those of the plugin and of the outbox side by side."""
    rows: dict[tuple[str, str], dict[str, figures.Line]] = {}
    for one in found:
        rows.setdefault((one.figure, one.where), {})[one.side] = one
    yield from _table(
        (26, 18, 22, 22, 12),
        ('figure', 'where', *compared.OTHERS, 'must be'),
        [
            (
                figure,
                where,
                *(_cell(one.get(side)) for side in compared.OTHERS),
                '; '.join(dict.fromkeys(line.limit for line in one.values())),
            )
            for (figure, where), one in rows.items()
        ],
    )


def _cell(line: figures.Line | None) -> str:
    return f'{line.found}: **{line.verdict}** ({line.by})' if line else ''


def _counts(found: Mapping[str, Any]) -> Iterator[str]:
    """Show every statement: where, of what kind, and how often."""
    for backend, sides in found.items():
        yield f'For each operation, on {backend}:'
        yield ''
        columns = [
            (sides[name]['by_operations'], sides[name]['operations'])
            for name in pictures.COLOURS
        ]
        relay = sides['outbox']['by_relay']
        columns.append((relay, sides['outbox']['operations']))
        names = sorted({what for counts, _ in columns for what in counts})
        yield from _table(
            (40, 15, 15, 15, 15),
            ('statement', *pictures.COLOURS, 'relay'),
            [
                (
                    f'``{what}``',
                    *(
                        f'{counts.get(what, 0) / operations:.2f}'
                        for counts, operations in columns
                    ),
                )
                for what in names
            ],
        )
