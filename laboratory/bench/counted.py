# SPDX-License-Identifier: Apache-2.0
"""Run a command of Ironic and write down every statement that it executes.

``python -m laboratory.bench.counted FILE COMMAND ...`` appends a line to the
file for each statement, commit and rollback that SQLAlchemy's events tell of:
the thread; kind and table, the function that says it, and the one that asked.
"""

import collections
import os
import pathlib
import re
import runpy
import sys
import threading
import types
from typing import Any

import sqlalchemy
from sqlalchemy import event

_KIND = re.compile(r'\s*(\w+)')
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+`?(\w+)', re.IGNORECASE)
NO_ROW = 'UPDATE-OF-NO-ROW'
_PLUGIN = 'ironic_async_events.'
# They ask for somebody else, as repairs do.
_BETWEEN = (
    *('ironic.db.', 'ironic.objects.', f'{_PLUGIN}repairs.'),
    *(f'{_PLUGIN}task.database:', f'{_PLUGIN}outbox.store:'),
)
# They pass on what somebody else asks for.
_PASSING = 'wrapper', 'wrapped', '_retried', '__call__'


def main() -> None:
    path, command, *arguments = sys.argv[1:]
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(what: str) -> None:
        name = threading.current_thread().name
        by, whom = _callers(sys._getframe(2))
        # One write for a line: threads do not mix.
        line = f'{name}\t{what} by {by} for {whom}\n'
        os.write(descriptor, line.encode())

    def executed(conn: Any, cursor: Any, statement: str, *more: Any) -> None:
        kind, table = _KIND.match(statement), _TABLE.search(statement)
        words = [kind.group(1).upper() if kind else '?']
        if words == ['UPDATE'] and not cursor.rowcount:
            words = [NO_ROW]
        write(' '.join([*words, *(table.groups() if table else ())]))

    engine = sqlalchemy.Engine
    event.listen(engine, 'after_cursor_execute', executed)
    event.listen(engine, 'commit', lambda conn: write('COMMIT'))
    event.listen(engine, 'rollback', lambda conn: write('ROLLBACK'))
    sys.argv = [command, *arguments]
    runpy.run_path(command, run_name='__main__')


def _callers(frame: types.FrameType | None) -> tuple[str, str]:
    """Find Ironic's or our function, and who asks it to ask the database."""
    names = []
    while frame is not None:
        module = frame.f_globals.get('__name__', '')
        name = frame.f_code.co_name
        if module.startswith(('ironic.', _PLUGIN)) and name not in _PASSING:
            names.append(f'{module}:{name}')
        frame = frame.f_back
    by = names[0] if names else '?'
    whom = (name for name in names if not name.startswith(_BETWEEN))
    return by, next(whom, '?')


def read(path: pathlib.Path) -> dict[str, collections.Counter[str]]:
    """Count what was written down, for each thread."""
    counts: dict[str, collections.Counter[str]] = {}
    for line in path.read_text().splitlines():
        name, what = line.split('\t')
        counts.setdefault(name, collections.Counter())[what] += 1
    return counts


if __name__ == '__main__':
    main()
