# SPDX-License-Identifier: Apache-2.0
"""In which order a transition is saved and announced.

The task manager knows nothing of delivery but this: it hands a
:class:`Step` to the object that :func:`current` returns.
"""

from typing import Protocol


class Step(Protocol):
    """A transition that is about to be made; all methods run in the worker."""

    def save(self) -> None:
        """Write the new state to the database.

        :raises Exception: when the database cannot take it
        """

    def rolled_back(self) -> None:
        """Note that what was saved is not in the database after all."""

    def was_saved(self) -> bool:
        """Look whether the state is in the database in spite of an error.

        :raises Exception: when the database does not come back in time
        """

    def saved(self) -> None:
        """Tell the log, and whoever waits, that the state is committed."""

    def announce(self) -> None:
        """Send the notification; never raises."""


class Delivery(Protocol):
    """A way of making transitions."""

    def process(self, step: Step) -> None:
        """Save and announce a transition.

        Called by the worker, which holds the lock on the node.

        :param step: the transition
        :raises Exception: when the state could not be saved; then nothing
            has been announced
        """


class SaveThenAnnounce:
    """The notification goes to the bus right after the commit.

    Once and in order; it is lost when the process dies in between, or when
    the bus does not take it.
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

    :param delivery: what is used from now on
    :returns: what was used before
    """
    global _current
    before, _current = _current, delivery
    return before
