# SPDX-License-Identifier: Apache-2.0
"""The delivery that saves and announces in one transaction."""

from ironic_async_events.outbox import note
from ironic_async_events.outbox import store
from ironic_async_events.task import delivery


class InOneTransaction:
    """State and notification are stored together, or neither is."""

    def process(self, step: delivery.Step) -> None:
        """See :meth:`ironic_async_events.task.delivery.Delivery.process`."""
        try:
            store.repeated()(self._attempt, step)
        except Exception:
            # The answer to the commit may be what was lost; then the
            # notification is stored as well.
            if not step.was_saved():
                raise
        step.saved()

    def _attempt(self, step: delivery.Step) -> None:
        try:
            with store.transaction():
                step.save()
                with note.taken() as taken:
                    step.announce()
                taken.check()
        except Exception:
            step.rolled_back()
            raise
