# SPDX-License-Identifier: Apache-2.0
"""Sources of messages: a file, standard input or the bus.

A source is a context manager. Its :meth:`batches` yields lists of
observations in the order of receiving. An empty list means that no message
came for a while.
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

#: A longer line is malformed.
MAX_LINE = 16 << 20
_BATCH = 1000
_TICK = 0.25


class SourceError(Exception):
    """A source cannot be read; the text says why, and what to do."""


def read(stream: BinaryIO) -> Iterator[Seen]:
    """Read JSON lines.

    :param stream: the stream to read.
    :returns: the return value of ``observe`` for each line that is not empty.
    """
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            while line and not line.endswith(b'\n'):
                line = stream.readline(MAX_LINE)
            yield obs.Malformed(f'a line is longer than {MAX_LINE} bytes')
        elif not line.isspace():
            yield obs.observe_line(line)


class Source:
    """Base of the sources.

    :ivar live: whether messages arrive as they are sent, so that the clock of
        this machine is the clock of the notifications
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
        """Release the resources of the source."""

    def batches(self) -> Iterator[list[Seen]]:
        """Yield batches of observations, until the source ends."""
        raise NotImplementedError


class Queued(Source):
    """A source that another thread feeds."""

    def __init__(self) -> None:
        # Bounded: a sender that is faster than the audit waits.
        self.queue: queue.Queue[Seen | None] = queue.Queue(10 * _BATCH)

    def batches(self) -> Iterator[list[Seen]]:
        """See the base class. Called by the main thread."""
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
    """Standard input or a pipe, which may be slow.

    :param stream: the stream to read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def __enter__(self) -> Self:
        # A daemon: a thread that blocks in a read cannot be ended.
        threading.Thread(target=self._feed, daemon=True).start()
        return self

    def _feed(self) -> None:
        """Read until the end. Called in a thread of its own."""
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
            # Some systems can open a directory, but not read it.
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
        """See the base class."""
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
    """Return the source for a path.

    :param path: the path of a file, ``-`` for standard input.
    :returns: the source, not entered yet.
    """
    if path == '-':
        return Stream(sys.stdin.buffer)
    with contextlib.suppress(OSError):
        if os.path.exists(path) and not (
            os.path.isfile(path) or os.path.isdir(path)
        ):
            # A pipe may be slow, too.
            return Stream(open(path, 'rb'))
    return File(path)
