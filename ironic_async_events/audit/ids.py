# SPDX-License-Identifier: Apache-2.0
"""Remember recent message ids: repeats keep their ``message_id``.

A relay that takes over repeats at most one batch, 1000 messages of any nodes,
right after their first publication. So the ids of all nodes are remembered
together, and their number is constant: it does not grow with the number of
nodes or messages.
"""

#: An id is remembered until this many other ids have come. Twice this number
#: takes about 7 MB.
KEPT = 1 << 15


class RecentIds:
    """At least the last :data:`KEPT` ids; used by one thread at a time."""

    def __init__(self) -> None:
        # Two generations; the older generation is dropped as a whole.
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def repeats(self, message_id: str) -> bool:
        """Remember a message id; return whether it is a repeat.

        :param message_id: the id.
        :returns: True if the id is among the last :data:`KEPT`.
        """
        # 64 bits are enough for some ten thousand ids.
        short = hash(message_id)
        if short in self._young:
            return True
        if len(self._young) == KEPT:
            self._old, self._young = self._young, set()
        self._young.add(short)
        return short in self._old
