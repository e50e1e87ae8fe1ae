# SPDX-License-Identifier: Apache-2.0
"""What is remembered of all nodes together, within constant bounds."""

import collections

from ironic_async_events.audit import observation as obs

#: An id is remembered until this many other ids have come. They take about
#: 7 MB.
KEPT = 1 << 15
#: The number of deleted nodes that are remembered.
REMEMBERED = 10000
# Conductors and the API have different clocks.
_SKEW = 60.0


class RecentIds:
    """The last :data:`KEPT` message ids: repeats keep their id.

    A relay that takes over repeats at most one batch, 1000 messages of any
    nodes, right after their first publication.
    """

    def __init__(self) -> None:
        # 64 bits of each are enough for some ten thousand ids.
        self._ids = collections.OrderedDict[int, None]()

    def repeats(self, message_id: str) -> bool:
        """Remember a message id; return whether it is a repeat."""
        known = hash(message_id) in self._ids
        if not known:
            self._ids[hash(message_id)] = None
            if len(self._ids) > KEPT:
                self._ids.popitem(last=False)
        return known


class Deleted:
    """The nodes that were deleted last: no late notification revives one."""

    def __init__(self) -> None:
        #: Node -> when it was deleted, the last one at the end.
        self._nodes = collections.OrderedDict[str, float]()

    def add(self, node: str, now: float) -> None:
        """Remember a node that is deleted now."""
        self._nodes[node] = now
        self._nodes.move_to_end(node)
        if len(self._nodes) > REMEMBERED:
            self._nodes.popitem(last=False)

    def names(self, seen: obs.Observation, now: float) -> bool:
        """Return whether a notification is a late one about a deleted node.

        After a notification that was sent later the node is a new one.
        """
        deleted = self._nodes.get(seen.node)
        if deleted is None:
            return False
        # The API announces creation and deletion, by the same clock.
        if now <= deleted + (0.0 if seen.kind == 'create' else _SKEW):
            return True
        del self._nodes[seen.node]
        return False
