# SPDX-License-Identifier: Apache-2.0
"""What a group of processes has used: CPU time and memory."""

import contextlib
import os
import pathlib
import time

import psutil


def members(group: int) -> list[int]:
    """List the processes of a group.

    :param group: the id of the process that leads it.
    """
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getpgid(pid) == group:
                found.append(pid)
    return found


def cpu_seconds(group: int) -> float:
    """Return the CPU time of the processes of a group, to the nanosecond.

    That of threads that have ended is in it; that of processes that have
    ended is not, and Ironic ends none while it runs.

    :param group: the id of the process that leads it.
    """
    total = 0.0
    for pid in members(group):
        with contextlib.suppress(OSError):
            # The clock that clock_getcpuclockid(3) names. psutil would count
            # the same time in steps of 10 ms.
            total += time.clock_gettime((~pid << 3) | 2)
    return total


def memory(group: int) -> int:
    """Return the bytes that the processes of a group have allocated.

    Libraries are not in it. Pages that a worker still shares with the process
    that forked it are, once for each: a garbage collection ends the sharing
    of most of them at once, and would look like growth.

    :param group: the id of the process that leads it.
    """
    total = 0
    for pid in members(group):
        with contextlib.suppress(OSError):
            text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
            for line in text.splitlines():
                if line.startswith('Anonymous:'):
                    total += int(line.split()[1]) * 1024
    return total
