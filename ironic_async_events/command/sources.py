# SPDX-License-Identifier: Apache-2.0
"""Sources of messages: a file, standard input or the bus.

A source is opened with ``with``, and gives lists of observations in the order
of receiving. An empty list means that no message came for a while.
"""

from collections.abc import Iterator
import contextlib
import itertools
import os
import queue
import sys
import threading
from typing import BinaryIO

from ironic_async_events.audit import observation as obs

#: A longer line is malformed.
MAX_LINE = 16 << 20
_BATCH = 1000
_TICK = 0.25

Batches = Iterator[list[obs.Seen]]


class SourceError(Exception):
    """A source cannot be read; the text says why, and what to do."""


class Queue(queue.Queue[obs.Seen | None]):
    """Messages that another thread feeds; None is the end.

    It is bounded: a sender that is faster than the audit waits.
    """

    def __init__(self) -> None:
        super().__init__(10 * _BATCH)

    def batches(self) -> Batches:
        """Yield batches until the end. Called by the main thread."""
        while True:
            batch: list[obs.Seen] = []
            with contextlib.suppress(queue.Empty):
                seen = self.get(timeout=_TICK)
                while seen is not None and len(batch) < _BATCH:
                    batch.append(seen)
                    seen = self.get_nowait()
                if seen is None:
                    yield batch
                    return
                batch.append(seen)
            yield batch


def read(stream: BinaryIO) -> Iterator[obs.Seen]:
    """Read JSON lines; yield an observation for each that is not empty."""
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            while line and not line.endswith(b'\n'):
                line = stream.readline(MAX_LINE)
            yield obs.Malformed(f'a line is longer than {MAX_LINE} bytes')
        elif not line.isspace():
            yield obs.observe_line(line)


@contextlib.contextmanager
def recording(path: str) -> Iterator[Batches]:
    """Open a file of recorded messages; ``-`` is standard input.

    :raises SourceError: when it cannot be read.
    """
    try:
        stream: BinaryIO = sys.stdin.buffer
        if path != '-':
            stream = open(path, 'rb')  # noqa: SIM115
    except OSError as exc:
        raise SourceError(f'cannot read {path}: {exc.strerror}') from exc
    if path != '-' and os.path.isfile(path):
        with stream:
            yield _batches(stream)
    else:
        # Standard input or a pipe may be slow. Its thread may still read when
        # the run ends, so nobody closes it.
        yield _fed(stream)


def _batches(stream: BinaryIO) -> Batches:
    messages = read(stream)
    while batch := list(itertools.islice(messages, _BATCH)):
        yield batch
    yield []


def _fed(stream: BinaryIO) -> Batches:
    """Read a stream that may be slow, in a thread of its own."""
    messages = Queue()

    def feed() -> None:
        for seen in read(stream):
            messages.put(seen)
        messages.put(None)

    # A daemon: a thread that blocks in a read cannot be ended.
    threading.Thread(target=feed, daemon=True).start()
    return messages.batches()
