# SPDX-License-Identifier: Apache-2.0
"""What a group of processes has used: CPU time and memory."""

from collections.abc import Callable
import contextlib
import os
import pathlib
import re
import time

import psutil

_ANONYMOUS = re.compile(r'^Anonymous: +(\d+) kB$', re.MULTILINE)


def members(group: int) -> list[int]:
    """List the processes of a group, which has the id of its leader."""
    pids = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getpgid(pid) == group:
                pids.append(pid)
    return pids


def _total(group: int, read: Callable[[int], float]) -> float:
    total = 0.0
    for pid in members(group):
        # It may have ended meanwhile.
        with contextlib.suppress(OSError):
            total += read(pid)
    return total


def cpu_seconds(group: int) -> float:
    """Return the CPU time of the processes of a group, to the nanosecond.

    That of threads that have ended is in it; that of processes that have
    ended is not, and Ironic ends none while it runs.
    """
    # The clock that clock_getcpuclockid(3) names. psutil would count the same
    # time in steps of 10 ms.
    return _total(group, lambda pid: time.clock_gettime((~pid << 3) | 2))


def memory(group: int) -> int:
    """Return the bytes that the processes of a group have allocated.

    Libraries are not in it. Pages that a worker still shares with the process
    that forked it are, once for each: a garbage collection ends the sharing
    of most of them at once, and would look like growth.
    """

    def read(pid: int) -> float:
        text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
        return 1024 * sum(map(int, _ANONYMOUS.findall(text)))

    return int(_total(group, read))
