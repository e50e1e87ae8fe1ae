# SPDX-License-Identifier: Apache-2.0
"""The result: a file that pieces are added to, tables, and pictures."""

from collections.abc import Iterable
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import subprocess
from typing import Any

import psutil

from laboratory import errors
from laboratory import tables
from laboratory.bench import figures
from laboratory.bench import judge
from laboratory.bench import sides

NAME = 'benchmark.json'
PAGE = 'benchmark.rst'

_PLUGIN = 'ironic-async-events'
_PACKAGES = (
    'ironic',
    'SQLAlchemy',
    'oslo.db',
    'oslo.messaging',
    'openstacksdk',
)
_DEBIAN = ('mariadb-server', 'postgresql', 'rabbitmq-server')
_COLOURS = {'plugin': '#1f77b4', 'outbox': '#ff7f0e'}
_ROW = 0.19

Document = dict[str, Any]


def new() -> Document:
    """Begin a document, with the versions and the machine of this run."""
    versions = {'Python': platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    if shutil.which('dpkg-query'):
        form = '--showformat=${Package} ${Version}\\n'
        known = subprocess.run(
            ['dpkg-query', form, '--show', *_DEBIAN],
            check=False,
            capture_output=True,
            text=True,
        ).stdout
        versions |= dict(line.split() for line in known.splitlines())
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
    model = [line for line in lines if line.startswith('model name')]
    return {
        'made_on': datetime.date.today().isoformat(),
        'versions': versions,
        'machine': {
            'processors': str(len(os.sched_getaffinity(0))),
            'model': model[0].partition(': ')[2] if model else 'unknown',
            'memory': f'{psutil.virtual_memory().total / 2**30:.0f} GiB',
            'kernel': platform.release().partition('-')[0],
        },
        'forms': {},
        'plugins': {},
        'figures': {},
    }


def opened(directory: pathlib.Path) -> Document:
    """Go on with the document in a directory, or begin a new document."""
    path = directory / NAME
    fresh = new()
    if not path.exists():
        return fresh
    old = kept(directory)
    different = [
        f'{name}: {old[part].get(name)}, {fresh[part].get(name)}'
        for part in ('versions', 'machine')
        for name in sorted(old[part].keys() | fresh[part].keys())
        if old[part].get(name) != fresh[part].get(name)
    ]
    if different:
        raise errors.LaboratoryError(
            f'{path} is of something else ({"; ".join(different)}); name '
            f'another directory'
        )
    return old | {'made_on': fresh['made_on']}


def add(
    document: Document, name: str, form: sides.Form, measured: Any
) -> None:
    """Put in a figure, and of which version of the plugin it is."""
    document['figures'][name] = measured
    document['forms'][name] = form.name
    document['plugins'][name] = importlib.metadata.version(_PLUGIN)


def save(document: Document, directory: pathlib.Path) -> None:
    """Write a document, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / NAME
    partial = path.with_suffix('.partial')
    partial.write_text(json.dumps(document, indent=1) + '\n', encoding='utf-8')
    partial.replace(path)


def table(lines: Iterable[figures.Line]) -> tables.Table:
    sheet = tables.Table(
        *figures.CELLS, title='plugin / stock, outbox / stock'
    )
    for line in lines:
        sheet.add(*line.cells, style=line.verdict)
    return sheet


def kept(directory: pathlib.Path) -> Document:
    """Read the document of some other run."""
    path = directory / NAME
    if not path.exists():
        raise errors.LaboratoryError(f'{path} is missing')
    document: Document = json.loads(path.read_text(encoding='utf-8'))
    return document


def write_page(
    document: Document,
    directory: pathlib.Path,
    again: Iterable[figures.Line] | None,
) -> None:
    about = tables.Table('what', 'version or size')
    for row in (*document['versions'].items(), *document['machine'].items()):
        about.add(*row)
    about.add('made on', document['made_on'])
    text = ['=========\nBenchmark\n=========\n', about.rst()]
    for name in _draw(document, directory):
        text.append(f'.. image:: {name}\n   :alt: {name}\n')
    for name, measured in document['figures'].items():
        text.append(f'{name}\n{"=" * len(name)}\n')
        text.append(
            f'Measured in the {document["forms"][name]} form, with {_PLUGIN} '
            f'{document["plugins"][name]}.\n'
        )
        text.append(table(judge.JUDGES[name](measured)).rst())
        for counted in measured.values() if name == 'statements' else ():
            sheet = tables.Table('statement', 'by', 'for', *counted)
            for row in judge.callers(counted):
                sheet.add(*row)
            text.append(sheet.rst())
    if again is not None:
        text.append('Not so in a second run\n======================\n')
        text.append(table(again).rst())
    (directory / PAGE).write_text('\n'.join(text), encoding='utf-8')


def _draw(document: Document, directory: pathlib.Path) -> list[str]:
    drawn = []
    for name, measured in document['figures'].items():
        groups: dict[str, list[figures.Line]] = {}
        for line in judge.JUDGES[name](measured):
            if line.ratio is not None:
                backend = line.where.partition(';')[0]
                groups.setdefault(backend, []).append(line)
        if not groups:
            continue
        drawn.append(f'benchmark-{name}.svg')
        height = 1 + _ROW * max(map(len, groups.values())) / 2
        with tables.picture(
            directory / drawn[-1], height, 1, len(groups)
        ) as places:
            for axes, title in zip(places, groups, strict=True):
                _forest(axes, groups[title])
                axes.set_title(title)
    return drawn


def _forest(axes: Any, lines: Iterable[figures.Line]) -> None:
    places: dict[str, int] = {}
    for line in lines:
        assert line.ratio is not None
        middle, low, high = line.ratio.middle, line.ratio.low, line.ratio.high
        clients = line.where.partition('clients:')[2]
        row = f'{line.figure};{clients}' if clients else line.figure
        place = places.setdefault(row, len(places))
        axes.errorbar(
            middle,
            place + (-0.15 if line.side == 'plugin' else 0.15),
            xerr=[[middle - low], [high - middle]],
            fmt='o',
            markersize=3,
            linewidth=1,
            color=_COLOURS[line.side],
        )
    axes.axvline(1.0, color='#7f7f7f', linewidth=0.8)
    axes.set_xscale('log')
    axes.set_xticks([0.5, 0.7, 1, 1.5, 2], ['0.5', '0.7', '1', '1.5', '2'])
    axes.minorticks_off()
    axes.set_yticks(list(places.values()), list(places))
    axes.invert_yaxis()
    axes.set_xlabel('ratio to stock; after the semicolon: clients')
    for name, colour in _COLOURS.items():
        axes.plot([], [], 'o', markersize=3, color=colour, label=name)
    axes.legend(frameon=False)
