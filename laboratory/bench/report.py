# SPDX-License-Identifier: Apache-2.0
"""The result as a file that pieces are added to, as a table, and as a page."""

from collections.abc import Iterable
import csv
import datetime
import importlib.metadata
import io
import json
import os
import pathlib
import platform
import shutil
import subprocess
from typing import Any

import psutil
import rich.table

from laboratory import errors
from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import judge

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
_HEADER = ('figure', 'where', 'side', 'found', 'must be')
_COLOURS = {
    figures.Verdict.MET: 'green',
    figures.Verdict.MISSED: 'red',
    figures.Verdict.UNDECIDED: 'yellow',
    figures.Verdict.REPORTED: 'dim',
}

Document = dict[str, Any]


def new() -> Document:
    """Begin a document, with the versions and the machine of this run."""
    versions = {'Python': platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    if shutil.which('dpkg-query'):
        known = subprocess.run(
            [
                'dpkg-query',
                '--showformat=${Package} ${Version}\\n',
                '--show',
                *_DEBIAN,
            ],
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
    """Go on with the document in a directory, or begin one.

    :param directory: where the figures of earlier runs may be.
    :raises LaboratoryError: when they are from another machine, or are of
        other versions: what is in one table must be comparable.
    """
    path = directory / NAME
    fresh = new()
    if not path.exists():
        return fresh
    old: Document = json.loads(path.read_text(encoding='utf-8'))
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
    document: Document, name: str, form: forms.Form, measured: Any
) -> None:
    """Put a figure into a document, in the place of an older one.

    The version of the plugin is kept for each figure by itself: pieces of
    one result may be measured before and after a change.

    :param document: the result.
    :param name: the figure's.
    :param form: how much was measured.
    :param measured: what was.
    """
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


def table(lines: Iterable[figures.Line]) -> rich.table.Table:
    """Lay out lines with their verdicts."""
    sheet = rich.table.Table(
        *_HEADER, '', 'by', title='plugin / stock, outbox / stock'
    )
    for line in lines:
        colour = _COLOURS[line.verdict]
        sheet.add_row(
            *line.words,
            f'[{colour}]{line.verdict}[/{colour}]',
            line.by,
        )
    return sheet


def page(document: Document, drawn: Iterable[str]) -> str:
    """Make a page of everything in a document, in reStructuredText.

    :param document: the result.
    :param drawn: the names of its pictures.
    """
    text = ['=========\nBenchmark\n=========\n']
    made_on = [('made on', document['made_on'])]
    about = [*document['versions'].items(), *document['machine'].items()]
    text.append(_csv(('what', 'version or size'), about + made_on))
    text += [f'.. image:: {name}\n   :alt: {name}\n' for name in drawn]
    for name in document['figures']:
        text.append(f'{name}\n{"=" * len(name)}\n')
        text.append(
            f'Measured in the {document["forms"][name]} form, with {_PLUGIN} '
            f'{document["plugins"][name]}.\n'
        )
        lines = judge.JUDGES[name](document['figures'][name])
        rows = [(*x.words, f'{x.verdict} ({x.by})') for x in lines]
        text.append(_csv((*_HEADER, 'verdict'), rows))
    return '\n'.join(text)


def _csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, quoting=csv.QUOTE_ALL, lineterminator='\n')
    writer.writerows([header, *rows])
    body = sheet.getvalue().replace('\n', '\n   ').rstrip()
    return f'.. csv-table::\n   :header-rows: 1\n\n   {body}\n'
