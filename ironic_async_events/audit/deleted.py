# SPDX-License-Identifier: Apache-2.0
"""Remember deleted nodes, so that a late notification revives none."""

from ironic_async_events.audit import observation as obs

#: The number of deleted nodes that are remembered.
REMEMBERED = 10000
# Conductors and the API have different clocks.
_SKEW = 60.0


class Deleted:
    """The nodes that were deleted last; used by one thread at a time."""

    def __init__(self) -> None:
        #: Node -> when it was deleted, the last one at the end.
        self._nodes: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, node: str, now: float) -> None:
        """Remember a node.

        :param node: the UUID of the node.
        :param now: when it was deleted.
        """
        self._nodes.pop(node, None)
        self._nodes[node] = now
        if len(self._nodes) > REMEMBERED:
            del self._nodes[next(iter(self._nodes))]

    def names(self, seen: obs.Observation, now: float) -> bool:
        """Return whether a notification is a late one about a deleted node.

        A notification that was sent after the deletion is about a new node
        with the same UUID: the old node is forgotten.

        :param seen: the notification.
        :param now: when it was sent.
        """
        deleted = self._nodes.get(seen.node)
        if deleted is None:
            return False
        # The API announces creation and deletion, by the same clock.
        if now <= deleted + (0.0 if seen.kind == 'create' else _SKEW):
            return True
        del self._nodes[seen.node]
        return False
