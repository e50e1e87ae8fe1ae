# SPDX-License-Identifier: Apache-2.0
"""Choosing how a recording is read."""

import contextlib
import os
import sys

from ironic_async_events.command import parallel
from ironic_async_events.command import sources


def of_path(path: str) -> sources.Source:
    """Choose the source for a path.

    :param path: the path of a file, ``-`` for standard input.
    :returns: the source, not entered yet.
    """
    if path == '-':
        return sources.Stream(sys.stdin.buffer)
    with contextlib.suppress(OSError):
        if os.path.isfile(path):
            size = os.path.getsize(path)
            if size >= parallel.WORTHWHILE and (os.cpu_count() or 1) > 1:
                return parallel.LargeFile(path, size)
        elif os.path.exists(path) and not os.path.isdir(path):
            # A pipe may come slowly, too.
            return sources.Stream(open(path, 'rb'))
    return sources.File(path)
