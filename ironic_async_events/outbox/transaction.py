# SPDX-License-Identifier: Apache-2.0
"""Commit a state and its notification in one transaction.

Between this delivery and the driver are Ironic's notification helpers and
oslo.messaging's notifier, which log every exception and go on. So the driver
writes the outcome into a note.
"""

from collections.abc import Iterator
import contextlib
import threading
from typing import Any

from ironic_async_events.task import database

_here = threading.local()


class Note:
    """The outcome of the notifications of a transition.

    :ivar stored: how many notifications were stored
    :ivar error: why a notification was not stored
    """

    def __init__(self) -> None:
        self.stored = 0
        self.error: BaseException | None = None

    def check(self) -> None:
        """Raise the error of the database.

        A payload that cannot be built, or is no JSON, stops no transition:
        the error is logged, as without the outbox.

        :raises Exception: the error of the database
        """
        if database.failed(self.error):
            assert self.error is not None
            raise self.error


@contextlib.contextmanager
def note_taken() -> Iterator[Note]:
    """Collect what the driver notes in this thread. Used by the worker.

    :returns: the note
    """
    _here.note = note = Note()
    try:
        yield note
    finally:
        _here.note = None


def open_note() -> Note | None:
    """Return the note of this thread, if there is one. For the driver."""
    return getattr(_here, 'note', None)


def in_one_transaction(change: Any) -> None:
    """Commit state and notification together, or neither.

    See :mod:`ironic_async_events.task.delivery`.
    """
    try:
        _attempt(change)
    except Exception:
        # If only the answer to the commit was lost, state and notification
        # are both in the database.
        if not change.was_saved():
            raise
    change.saved()


@database.retried
def _attempt(change: Any) -> None:
    try:
        with database.transaction():
            change.save()
            with note_taken() as note:
                change.announce()
            note.check()
    except Exception:
        change.rolled_back()
        raise
