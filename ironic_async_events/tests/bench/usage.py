# SPDX-License-Identifier: Apache-2.0
"""What a group of processes has used: CPU time and memory."""

import contextlib
import os
import pathlib
import time

_KIB = 1024


def members(group: int) -> list[int]:
    """List the processes of a group.

    :param group: the id of the process that leads it.
    """
    found = []
    for path in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            if os.getpgid(int(path.name)) == group:
                found.append(int(path.name))
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
            # The clock that clock_getcpuclockid(3) names. /proc/<pid>/stat
            # would count the same time in steps of 10 ms.
            total += time.clock_gettime((~pid << 3) | 2)
    return total


def memory(group: int) -> int:
    """Return the bytes that only the processes of a group use.

    What they share with others, such as libraries, is not in it.

    :param group: the id of the process that leads it.
    """
    total = 0
    for pid in members(group):
        with contextlib.suppress(OSError):
            text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
            for line in text.splitlines():
                if line.startswith(('Private_Clean:', 'Private_Dirty:')):
                    total += int(line.split()[1]) * _KIB
    return total
