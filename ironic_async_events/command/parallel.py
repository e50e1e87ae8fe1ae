# SPDX-License-Identifier: Apache-2.0
"""A large file, read by more than one process.

Reading JSON is most of the work of an audit. Two processes read parts of the
file in turn; the main process puts the parts in order, and checks.
"""

import collections
from collections.abc import Iterator
import gc
import multiprocessing
import multiprocessing.pool
import signal
from typing import Self

from ironic_async_events.audit import observation as obs
from ironic_async_events.command import sources

#: Smaller files are read faster than processes are started.
WORTHWHILE = 64 << 20
_PART = 8 << 20
_PROCESSES = 2
#: Parts that may be ready before they are asked for; bounds the memory.
_AHEAD = 3

_Row = tuple[object, ...] | obs.Malformed | obs.Ignored


def _start_worker() -> None:
    """Prepare a worker process: Ctrl-C is the main process' affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # It makes many small objects and no cycles: there is little to collect.
    gc.set_threshold(100000)


def _read_part(path: str, start: int, end: int) -> list[_Row]:
    """Read the lines that begin in a part of a file; runs in a worker.

    :param path: the path of the file.
    :param start: offset of the part.
    :param end: offset of the next part.
    :returns: observations as plain tuples, which travel faster, and what is
        no observation as it is.
    """
    with open(path, 'rb') as stream:
        if start:
            # The line that reaches into the part belongs to the one before.
            stream.seek(start - 1)
            while True:
                piece = stream.readline(sources.MAX_LINE)
                if not piece or piece.endswith(b'\n'):
                    break
        return [
            tuple(seen) if isinstance(seen, obs.Observation) else seen
            for seen in sources.read(stream, end - stream.tell())
        ]


class LargeFile(sources.Source):
    """A file of recorded messages, read by several processes.

    :param path: the path of the file.
    :param size: its size; what is appended later is not read.
    :param part: how many bytes a worker reads at a time.
    """

    def __init__(self, path: str, size: int, part: int = _PART) -> None:
        self._path = path
        self._size = size
        self._part = part
        self._pool: multiprocessing.pool.Pool | None = None

    def __enter__(self) -> Self:
        # Spawned: a fork would copy the threads' locks of a live view.
        context = multiprocessing.get_context('spawn')
        self._pool = context.Pool(_PROCESSES, _start_worker)
        return self

    def close(self) -> None:
        """End the workers, whatever they are at."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()

    def batches(self) -> Iterator[list[sources.Seen]]:
        """Yield what the file holds, part by part."""
        pool = self._pool
        if pool is None:
            raise sources.SourceError(f'{self._path} was not opened')
        starts = iter(range(0, self._size, self._part))
        pending: collections.deque[
            multiprocessing.pool.AsyncResult[list[_Row]]
        ] = collections.deque()
        make = obs.Observation._make
        while True:
            while len(pending) < _AHEAD:
                start = next(starts, None)
                if start is None:
                    break
                end = min(start + self._part, self._size)
                pending.append(
                    pool.apply_async(_read_part, (self._path, start, end))
                )
            if not pending:
                return
            try:
                rows = pending.popleft().get()
            except OSError as exc:
                raise sources.SourceError(
                    f'cannot read {self._path}: {exc.strerror}'
                ) from exc
            yield [
                make(row) if type(row) is tuple else row  # type: ignore[misc]
                for row in rows
            ]
