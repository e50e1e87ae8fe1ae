# SPDX-License-Identifier: Apache-2.0
"""What is remembered of all nodes together, within constant bounds."""

from ironic_async_events.audit import observation as obs

#: An id is remembered until this many other ids have come. Twice this number
#: takes about 7 MB.
KEPT = 1 << 15
#: The number of deleted nodes that are remembered.
REMEMBERED = 10000
# Conductors and the API have different clocks.
_SKEW = 60.0


class RecentIds:
    """At least the last :data:`KEPT` message ids: repeats keep their id.

    A relay that takes over repeats at most one batch, 1000 messages of any
    nodes, right after their first publication.
    """

    def __init__(self) -> None:
        # Two generations; the older generation is dropped as a whole.
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def repeats(self, message_id: str) -> bool:
        """Remember a message id; return whether it is a repeat."""
        # 64 bits are enough for some ten thousand ids.
        short = hash(message_id)
        if short in self._young:
            return True
        if len(self._young) == KEPT:
            self._old, self._young = self._young, set()
        self._young.add(short)
        return short in self._old


class Deleted:
    """The nodes that were deleted last: no late notification revives one."""

    def __init__(self) -> None:
        #: Node -> when it was deleted, the last one at the end.
        self._nodes: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, node: str, now: float) -> None:
        """Remember a node that is deleted now."""
        self._nodes.pop(node, None)
        self._nodes[node] = now
        if len(self._nodes) > REMEMBERED:
            del self._nodes[next(iter(self._nodes))]

    def names(self, seen: obs.Observation, now: float) -> bool:
        """Return whether a notification is a late one about a deleted node.

        A notification that was sent after the deletion is about a new node
        with the same UUID: the old node is forgotten.
        """
        deleted = self._nodes.get(seen.node)
        if deleted is None:
            return False
        # The API announces creation and deletion, by the same clock.
        if now <= deleted + (0.0 if seen.kind == 'create' else _SKEW):
            return True
        del self._nodes[seen.node]
        return False
