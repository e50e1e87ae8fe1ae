# SPDX-License-Identifier: Apache-2.0
"""What a side asks of the whole machine: CPU time, and bytes written.

The sides share one database server and one broker. They are driven in turns,
so what these use in a turn is the side's, but for what they use when nobody
asks: that is measured as well.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import os
import time

import psutil

from laboratory.bench import sides
from laboratory.bench import usage

_IRONIC = 'conductor', 'api'
SHARED = 'database', 'broker'
_CLIENTS = 'clients'
PARTS = (*_IRONIC, *SHARED)
"""Who works for the clients; on SQLite, the conductor is all of them."""

# The log says what was changed. The pages come later, in some other turn.
_WRITTEN = {
    'mysql': "SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'",
    'postgresql': "SELECT pg_current_wal_insert_lsn() - '0/0'",
}

Counters = Mapping[str, float]
"""What is only ever added to: CPU seconds of each part, bytes, and so on."""


def read(running: sides.Running) -> Counters:
    times = psutil.cpu_times()
    # What guests use is in the others already.
    rest = times.idle, times.iowait, times.guest, times.guest_nice
    return {
        'written': _written(running),
        'announced': _size(running, '*.jsonl'),
        **dict(_cpu(running)),
        _CLIENTS: time.process_time(),
        # Of all that was started here, the sides that wait among them.
        'ours': usage.cpu_seconds(os.getpid()),
        'busy': sum(times) - sum(rest),
        'seconds': time.monotonic(),
    }


def _cpu(running: sides.Running) -> Iterator[tuple[str, float]]:
    shared = running.shared.database, running.shared.rabbitmq
    # On SQLite, one process is both.
    for part, process in zip(
        _IRONIC, running.bench.ironic.running, strict=False
    ):
        yield part, usage.cpu_seconds(process.pid)
    for part, server in zip(SHARED, shared, strict=True):
        if server is not None:
            pids = [process.pid for process in server.running]
            yield part, sum(map(usage.cpu_seconds, pids))


def _written(running: sides.Running) -> float:
    """Return the bytes that the database has written to its log.

    On SQLite they are those that the process has written to files, but for
    its log and the recording.
    """
    eye = running.bench.eye
    if query := _WRITTEN.get(eye.engine.dialect.name):
        return float(eye.query(query)[0][-1])
    wrote = usage.written(running.conductor)
    return wrote - _size(running, '*.jsonl') - _size(running, '*.log')


def _size(running: sides.Running, pattern: str) -> float:
    files = running.bench.ironic.directory.glob(pattern)
    return sum(path.stat().st_size for path in files)


def used(
    before: Counters, ended: Counters, after: Counters, operations: int
) -> dict[str, float]:
    """Compute what operations have used, and how full the machine was.

    :param ended: when the last operation had ended.
    :param after: when all of them were announced as well.
    """
    each = {
        name: (after[name] - before[name]) / operations
        for name in (*PARTS, _CLIENTS, 'written', 'announced')
        if name in before
    }
    parts = [each[name] for name in PARTS if name in each]
    busy, ours, seconds = (
        ended[name] - before[name] for name in ('busy', 'ours', 'seconds')
    )
    capacity = seconds * (psutil.cpu_count() or 1)
    return {
        'whole_cpu_per_op': sum(parts),
        **{
            f'{name}_cpu_per_op': each[name]
            for name in (*PARTS, _CLIENTS)
            if name in each
        },
        'written_per_op': each['written'],
        'announced_per_op': each['announced'],
        'busy': busy / capacity,
        'others': (busy - ours) / capacity,
    }


def idle(running: sides.Running, seconds: float) -> dict[str, float]:
    """Measure what servers use in a second when nobody asks."""
    before = read(running)
    time.sleep(seconds)
    after = read(running)
    names = [name for name in (*SHARED, 'written') if name in before]
    return {name: (after[name] - before[name]) / seconds for name in names}
