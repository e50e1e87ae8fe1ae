# SPDX-License-Identifier: Apache-2.0
"""What a process and its children have used: CPU time and memory."""

from collections.abc import Callable
import contextlib
import pathlib
import re
import time

import psutil

_ANONYMOUS = re.compile(r'^Anonymous: +(\d+) kB$', re.MULTILINE)


def _total(pid: int, read: Callable[[int], float]) -> float:
    # Their group is not enough: the servers of PostgreSQL leave theirs.
    children = psutil.Process(pid).children(recursive=True)
    total = 0.0
    for member in (pid, *(child.pid for child in children)):
        # It may have ended meanwhile.
        with contextlib.suppress(OSError):
            total += read(member)
    return total


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children, to the nanosecond.

    That of threads that have ended is in it; that of processes that have
    ended is not, and Ironic ends none while it runs.
    """
    # The clock that clock_getcpuclockid(3) names. psutil would count the same
    # time in steps of 10 ms.
    return _total(pid, lambda pid: time.clock_gettime((~pid << 3) | 2))


def written(pid: int) -> float:
    """Return the bytes that a process and its children gave to write(2)."""
    return _total(pid, lambda p: psutil.Process(p).io_counters().write_chars)


def memory(pid: int) -> int:
    """Return the bytes that a process and its children have allocated.

    Libraries are not in it. Pages that a worker still shares with the process
    that forked it are, once for each: a garbage collection ends the sharing
    of most of them at once, and would look like growth.
    """

    def read(pid: int) -> float:
        text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
        return 1024 * sum(map(int, _ANONYMOUS.findall(text)))

    return int(_total(pid, read))
