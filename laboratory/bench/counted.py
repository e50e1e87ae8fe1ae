# SPDX-License-Identifier: Apache-2.0
"""Run a command of Ironic and write down every statement that it executes.

``python -m laboratory.bench.counted FILE COMMAND ...`` appends a line to the
file for each statement, commit and rollback that SQLAlchemy's events tell of:
the thread, the kind, and the table.
"""

import collections
import os
import pathlib
import re
import runpy
import sys
import threading
from typing import Any

import sqlalchemy
from sqlalchemy import event

_KIND = re.compile(r'\s*(\w+)')
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+`?(\w+)', re.IGNORECASE)

Counts = collections.Counter[tuple[str, str]]
"""(Thread, kind and table) -> how often."""


def main() -> None:
    path, command, *arguments = sys.argv[1:]
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(what: str) -> None:
        name = threading.current_thread().name
        # One write for a line: threads do not mix.
        os.write(descriptor, f'{name}\t{what}\n'.encode())

    def executed(conn: Any, cursor: Any, statement: str, *more: Any) -> None:
        kind, table = _KIND.match(statement), _TABLE.search(statement)
        words = [kind.group(1).upper() if kind else '?']
        write(' '.join([*words, *(table.groups() if table else ())]))

    engine = sqlalchemy.Engine
    event.listen(engine, 'after_cursor_execute', executed)
    event.listen(engine, 'commit', lambda conn: write('COMMIT'))
    event.listen(engine, 'rollback', lambda conn: write('ROLLBACK'))
    sys.argv = [command, *arguments]
    runpy.run_path(command, run_name='__main__')


def read(path: pathlib.Path, offset: int = 0) -> tuple[Counts, int]:
    """Count what was written down.

    :param offset: where to begin, as the last call returned it.
    :returns: the counts, and where the file ends.
    """
    with path.open('rb') as lines:
        lines.seek(offset)
        text = lines.read()
    counts: Counts = collections.Counter()
    for line in text.decode().splitlines():
        thread, _, what = line.partition('\t')
        counts[thread, what] += 1
    return counts, offset + len(text)


if __name__ == '__main__':
    main()
