# SPDX-License-Identifier: Apache-2.0
"""Where messages come from: a file, standard input or the bus.

A source is a context manager. Its :meth:`batches` yields lists of
observations in the order of reception; an empty list says that some time has
passed without a message.
"""

from collections.abc import Iterator
import contextlib
import io
import os
import queue
import sys
import threading
import types
from typing import BinaryIO
from typing import Self

from ironic_async_events.audit import observation as obs

Seen = obs.Observation | obs.Malformed | obs.Ignored

#: A line that is longer than this is no notification.
MAX_LINE = 16 << 20
_BATCH = 1000
_TICK = 0.25


class SourceError(Exception):
    """There is nothing to read or to listen to; says why, and what to do."""


def read(stream: BinaryIO) -> Iterator[Seen]:
    """Read JSON lines.

    :param stream: where to read from.
    :returns: an observation for each line that is not empty, or why not.
    """
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            while line and not line.endswith(b'\n'):
                line = stream.readline(MAX_LINE)
            yield obs.Malformed(f'a line is longer than {MAX_LINE} bytes')
        elif not line.isspace():
            yield obs.observe_line(line)


class Source:
    """What all sources have in common.

    :param live: whether messages are heard as they are sent, so that the time
        of this machine is the time of the notifications.
    """

    live = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what the source holds."""

    def batches(self) -> Iterator[list[Seen]]:
        """Yield what comes, until there is no more."""
        raise NotImplementedError


class Queued(Source):
    """A source that another thread feeds."""

    def __init__(self) -> None:
        # Bounded, so that a sender that is faster than the audit waits.
        self.queue: queue.Queue[Seen | None] = queue.Queue(10 * _BATCH)

    def batches(self) -> Iterator[list[Seen]]:
        """Yield what comes; called by the main thread."""
        while True:
            batch: list[Seen] = []
            with contextlib.suppress(queue.Empty):
                seen = self.queue.get(timeout=_TICK)
                while seen is not None and len(batch) < _BATCH:
                    batch.append(seen)
                    seen = self.queue.get_nowait()
                if seen is None:
                    yield batch
                    return
                batch.append(seen)
            yield batch


class Stream(Queued):
    """Standard input, which may come slowly.

    :param stream: where to read from.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def __enter__(self) -> Self:
        # A thread that blocks in a read cannot be ended; a daemon need not.
        threading.Thread(target=self._feed, daemon=True).start()
        return self

    def _feed(self) -> None:
        """Read until the end; runs in a thread of its own."""
        for seen in read(self._stream):
            self.queue.put(seen)
        self.queue.put(None)


class File(Source):
    """A file of recorded messages.

    :param path: the path of the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._stream: io.BufferedReader | None = None

    def __enter__(self) -> Self:
        try:
            self._stream = open(self.path, 'rb')
            # A directory can be opened on some systems, but never read.
            self._stream.peek(1)
        except OSError as exc:
            raise SourceError(
                f'cannot read {self.path}: {exc.strerror}'
            ) from exc
        return self

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def batches(self) -> Iterator[list[Seen]]:
        """Yield what the file holds."""
        if self._stream is None:
            raise SourceError(f'{self.path} was not opened')
        batch: list[Seen] = []
        for seen in read(self._stream):
            batch.append(seen)
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        yield batch


def of_path(path: str) -> Source:
    """Choose the source for a path.

    :param path: the path of a file, ``-`` for standard input.
    :returns: the source, not entered yet.
    """
    if path == '-':
        return Stream(sys.stdin.buffer)
    with contextlib.suppress(OSError):
        if os.path.exists(path) and not (
            os.path.isfile(path) or os.path.isdir(path)
        ):
            # A pipe may come slowly, too.
            return Stream(open(path, 'rb'))
    return File(path)
