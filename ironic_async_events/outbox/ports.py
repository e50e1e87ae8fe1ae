# SPDX-License-Identifier: Apache-2.0
"""What the relay needs of the world."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Generator
from collections.abc import Sequence
from typing import Protocol

from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import store


class Rows(Protocol):
    """The messages; :mod:`ironic_async_events.outbox.store` in earnest."""

    def waiting(
        self, limit: int, but: Collection[str], confirmed: Collection[int]
    ) -> list[store.Row]:
        """See :func:`ironic_async_events.outbox.store.waiting`."""

    def still_waiting(self, ids: Collection[int]) -> list[store.Row]:
        """See :func:`ironic_async_events.outbox.store.still_waiting`."""

    def delete(self, ids: Collection[int]) -> None:
        """See :func:`ironic_async_events.outbox.store.delete`."""

    def set_aside(self, id: int, attempts: int, error: str) -> None:
        """See :func:`ironic_async_events.outbox.store.set_aside`."""

    def backlog(self) -> store.Backlog:
        """See :func:`ironic_async_events.outbox.store.backlog`."""


class Lanes(Protocol):
    """What publishes; :class:`ironic_async_events.outbox.lanes.Lanes`."""

    @property
    def busy(self) -> Collection[str]:
        """See :attr:`ironic_async_events.outbox.lanes.Lanes.busy`."""

    @property
    def are_full(self) -> bool:
        """See :attr:`ironic_async_events.outbox.lanes.Lanes.are_full`."""

    def go(
        self,
        rows: Sequence[store.Row],
        may: Callable[[], bool],
        again: Callable[[], bool],
        patience: Callable[[], float],
    ) -> Generator[lanes.Outcome | None, None, None]:
        """See :meth:`ironic_async_events.outbox.lanes.Lanes.go`."""

    def end(self) -> None:
        """See :meth:`ironic_async_events.outbox.lanes.Lanes.end`."""
