# SPDX-License-Identifier: Apache-2.0
"""Results as a table or a picture, for the terminal and for a page."""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import csv
import io
import logging
import pathlib
import sys
from typing import Any

import rich.box
import rich.console
import rich.table
import rich.text


class Table:
    """Rows below a header."""

    def __init__(self, *columns: str, title: str = '') -> None:
        self._columns = columns
        self._title = title
        self.rows: list[tuple[str, ...]] = []
        self._styles: list[str] = []

    def add(self, *cells: object, style: str = '') -> None:
        """Add a row; the style is for the terminal."""
        self.rows.append(tuple(map(str, cells)))
        self._styles.append(style)

    def show(self) -> None:
        """Print the table; a file gets wider lines than a terminal."""
        sheet = rich.table.Table(
            *self._columns, title=self._title, box=rich.box.SIMPLE
        )
        for cells, style in zip(self.rows, self._styles, strict=True):
            # What is in brackets is no markup.
            sheet.add_row(*map(rich.text.Text, cells), style=style)
        width = None if sys.stdout.isatty() else 150
        rich.console.Console(width=width).print(sheet)

    def rst(self) -> str:
        sheet = io.StringIO()
        writer = csv.writer(
            sheet, quoting=csv.QUOTE_ALL, lineterminator='\n   '
        )
        writer.writerows([self._columns, *self.rows])
        body = sheet.getvalue().rstrip()
        return f'.. csv-table::\n   :header-rows: 1\n\n   {body}\n'


@contextlib.contextmanager
def picture(
    path: pathlib.Path, height: float, rows: int, columns: int
) -> Iterator[Sequence[Any]]:
    """Give axes to draw on; the same input makes the same file."""
    # It tells of its fonts when it is imported, and nobody asked.
    logging.getLogger('matplotlib').setLevel(logging.WARNING)
    import matplotlib
    from matplotlib import figure

    settings = {
        # Text stays text.
        'svg.fonttype': 'none',
        'svg.hashsalt': 'ironic-async-events',
        'font.size': 8,
        'axes.spines.top': False,
        'axes.spines.right': False,
    }
    with matplotlib.rc_context(settings):
        made = figure.Figure(figsize=(11, height), layout='constrained')
        yield made.subplots(rows, columns, squeeze=False).flatten()
        made.savefig(path, metadata={'Date': None})
