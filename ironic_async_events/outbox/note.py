# SPDX-License-Identifier: Apache-2.0
"""What the driver leaves for the delivery that stands further up the stack.

Between the two are Ironic's notification helpers and oslo.messaging's
notifier, which log every exception and go on.
"""

from collections.abc import Iterator
import contextlib
import threading

from ironic_async_events.task import database

_here = threading.local()


class Note:
    """What became of the notifications of one transition.

    :ivar stored: how many were stored
    :ivar error: why one was not, if the driver was asked at all
    """

    def __init__(self) -> None:
        self.stored = 0
        self.error: BaseException | None = None

    def check(self) -> None:
        """Raise what the database said.

        A payload that cannot be built, or that is no JSON, has been logged
        as it is without the outbox, and stops nothing.

        :raises Exception: the error of the database
        """
        if database.failed(self.error):
            assert self.error is not None
            raise self.error


@contextlib.contextmanager
def taken() -> Iterator[Note]:
    """Collect what the driver notes in this thread.

    Used by the worker.

    :returns: the note
    """
    _here.note = note = Note()
    try:
        yield note
    finally:
        _here.note = None


def open_note() -> Note | None:
    """Return the note of this thread, if one is taken. For the driver."""
    return getattr(_here, 'note', None)
