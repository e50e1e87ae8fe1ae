# SPDX-License-Identifier: Apache-2.0
"""The result as a file that pieces are added to, and as a table."""

from collections.abc import Iterable
import datetime
import json
import pathlib
from typing import Any

import rich.table

from laboratory import errors
from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import judge
from laboratory.bench import machine

NAME = 'benchmark.json'

_COLOURS = {
    figures.Verdict.MET: 'green',
    figures.Verdict.MISSED: 'red',
    figures.Verdict.UNDECIDED: 'yellow',
    figures.Verdict.REPORTED: 'dim',
}

Document = dict[str, Any]


def new() -> Document:
    """Begin a document, with the versions and the machine of this run."""
    return {
        'made_on': datetime.date.today().isoformat(),
        'versions': machine.versions(),
        'machine': machine.size(),
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
    if not path.exists():
        return new()
    found: Document = json.loads(path.read_text(encoding='utf-8'))
    fresh = new()
    different = [
        line
        for part in ('versions', 'machine')
        for line in machine.differ(found[part], fresh[part])
    ]
    if different:
        raise errors.LaboratoryError(
            f'{path} is of something else ({"; ".join(different)}); name '
            f'another directory'
        )
    return found | {'made_on': fresh['made_on']}


def add(
    document: Document, name: str, form: forms.Form, measured: Document
) -> None:
    """Put a figure into a document, in the place of an older one.

    :param document: the result.
    :param name: the figure's.
    :param form: how much was measured.
    :param measured: what was.
    """
    document['figures'][name] = measured
    document['forms'][name] = form.name
    document['plugins'][name] = machine.plugin()


def save(document: Document, directory: pathlib.Path) -> None:
    """Write a document, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / NAME
    partial = path.with_suffix('.partial')
    partial.write_text(json.dumps(document, indent=1) + '\n', encoding='utf-8')
    partial.replace(path)


def lines(document: Document) -> list[figures.Line]:
    """Judge everything in a document."""
    return judge.lines(document['figures'])


def table(found: Iterable[figures.Line]) -> rich.table.Table:
    """Lay out lines with their verdicts."""
    sheet = rich.table.Table(title='plugin / stock, outbox / stock')
    for name in ('figure', 'where', 'side', 'found', 'must be', '', 'by'):
        sheet.add_column(name)
    for one in found:
        colour = _COLOURS[one.verdict]
        sheet.add_row(
            one.figure,
            one.where,
            one.side,
            one.found,
            one.limit,
            f'[{colour}]{one.verdict}[/{colour}]',
            one.by,
        )
    return sheet
