# SPDX-License-Identifier: Apache-2.0
"""What a side asks of the whole machine: CPU time, and bytes written.

The sides share one database server and one broker. They are driven in turns,
so what these use in a turn is the side's, but for what they use when nobody
asks: that is measured as well.
"""

from collections.abc import Mapping
import os
import time

import psutil

from laboratory.bench import sides
from laboratory.bench import usage

PARTS = 'conductor', 'api', 'database', 'broker'
"""Who works for the clients; on SQLite, the conductor is all of them."""

Counters = Mapping[str, float]
# The log says what was changed. The pages come later, in some other turn.
_WRITTEN = {
    'mysql': "SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'",
    'postgresql': "SELECT pg_current_wal_insert_lsn() - '0/0'",
}


def read(running: sides.Running) -> Counters:
    """Read what is only ever added to: CPU seconds, bytes, and so on."""
    working = [[process] for process in running.bench.ironic.running]
    for server in (running.shared.database, running.shared.rabbitmq):
        working += [server.running] if server else []
    parts = {
        part: sum(usage.cpu_seconds(process.pid) for process in processes)
        # On SQLite there is only the first.
        for part, processes in zip(PARTS, working, strict=False)
    }
    times = psutil.cpu_times()
    # What guests use is in the others already.
    rest = times.idle, times.iowait, times.guest, times.guest_nice
    return {
        'whole': sum(parts.values()),
        **parts,
        'clients': time.process_time(),
        'written': _written(running),
        'announced': _size(running, '*.jsonl'),
        # Of all that was started here, the sides that wait among them.
        'ours': usage.cpu_seconds(os.getpid()),
        'busy': sum(times) - sum(rest),
        'seconds': time.monotonic(),
    }


def _written(running: sides.Running) -> float:
    """Return the bytes that the database has written to its log.

    On SQLite they are those that the process has written to files, but for
    its log and the recording.
    """
    eye = running.bench.eye
    if query := _WRITTEN.get(eye.engine.dialect.name):
        return float(eye.query(query)[0][-1])
    rest = _size(running, '*.jsonl') + _size(running, '*.log')
    return usage.written(running.conductor) - rest


def _size(running: sides.Running, pattern: str) -> float:
    files = running.bench.ironic.directory.glob(pattern)
    return sum(path.stat().st_size for path in files)


def used(
    before: Counters, ended: Counters, after: Counters, operations: int
) -> dict[str, float]:
    """Compute what operations have used, and how full the machine was.

    :param after: when all that had ended was announced as well.
    """
    each = {
        f'{name}_per_op': (after[name] - before[name]) / operations
        for name in before
    }
    busy, ours, seconds = (
        ended[name] - before[name] for name in ('busy', 'ours', 'seconds')
    )
    capacity = seconds * (psutil.cpu_count() or 1)
    others = (busy - ours) / capacity
    return {**each, 'busy': busy / capacity, 'others': others}


def idle(running: sides.Running, seconds: float) -> dict[str, float]:
    """Measure what servers use in a second when nobody asks."""
    before = read(running)
    time.sleep(seconds)
    after = read(running)
    return {name: (after[name] - before[name]) / seconds for name in before}
