# SPDX-License-Identifier: Apache-2.0
"""Choose the order in which a transition is saved and announced.

The task manager passes each :class:`Step` to the object that :func:`current`
returns, and knows nothing else about delivery.
"""

from typing import Protocol


class Step(Protocol):
    """The actions on a transition; the worker calls all methods."""

    def save(self) -> None:
        """Save the new state to the database.

        :raises Exception: when the state was not saved
        """

    def rolled_back(self) -> None:
        """Note that the transaction was rolled back after :meth:`save`."""

    def was_saved(self) -> bool:
        """Return whether the state was saved in spite of an error.

        :raises Exception: when the database does not come back in time
        """

    def saved(self) -> None:
        """Log the commit of the state, and wake the RPC thread."""

    def announce(self) -> None:
        """Send the notification; never raises."""


class Delivery(Protocol):
    """The order of saving and announcing."""

    def process(self, step: Step) -> None:
        """Save and announce a transition.

        Called by the worker, which holds the lock on the node.

        :param step: the transition
        :raises Exception: when the state could not be saved; then nothing
            has been announced
        """


class SaveThenAnnounce:
    """Sends the notification right after the commit.

    Each notification is sent once and in order. It is lost when the process
    dies in between, or when the bus refuses it.
    """

    def process(self, step: Step) -> None:
        """See :meth:`Delivery.process`."""
        try:
            step.save()
        except Exception:
            if not step.was_saved():
                raise
        step.saved()
        step.announce()


_current: Delivery = SaveThenAnnounce()


def current() -> Delivery:
    """Return the delivery of this process."""
    return _current


def use(delivery: Delivery) -> Delivery:
    """Choose the delivery of this process.

    Called by the main thread of a service, before there are workers.

    :param delivery: the new delivery
    :returns: the delivery before
    """
    global _current
    before, _current = _current, delivery
    return before
