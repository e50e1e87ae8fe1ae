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


def read(path: pathlib.Path, without: str) -> dict[str, int]:
    """Count what was written down, but for a thread: kind and table."""
    lines = (x.split('\t') for x in path.read_text().splitlines())
    return collections.Counter(what for name, what in lines if name != without)


if __name__ == '__main__':
    main()
