# SPDX-License-Identifier: Apache-2.0
"""Commit a state and its notification in one transaction.

Between this delivery and the driver are Ironic's notification helpers and
oslo.messaging's notifier, which log every exception and go on. So the driver
notes the errors.
"""

from collections.abc import Sequence
import threading

from ironic_async_events.task import database
from ironic_async_events.task import delivery

_here = threading.local()


def errors() -> list[BaseException] | None:
    """Return where the driver notes errors; None outside of a transition."""
    return getattr(_here, 'errors', None)


def check(errors: Sequence[BaseException]) -> None:
    """Raise an error of the database; other errors are logged, as on stock."""
    for error in filter(database.failed, errors):
        raise error


class InOneTransaction:
    """Commits state and notification together, or neither."""

    def process(self, step: delivery.Step) -> None:
        """See :meth:`ironic_async_events.task.delivery.Delivery.process`."""
        try:
            database.retried(self._attempt)(step)
        except Exception:
            # If only the answer to the commit was lost, state and notification
            # are both in the database.
            if not step.was_saved():
                raise
        step.saved()

    def _attempt(self, step: delivery.Step) -> None:
        try:
            with database.transaction():
                step.save()
                errors: list[BaseException] = []
                _here.errors = errors
                step.announce()
                check(errors)
        except Exception:
            step.rolled_back()
            raise
        finally:
            _here.errors = None
