# SPDX-License-Identifier: Apache-2.0
"""Recent message ids: a repetition shares its id with a message before it.

A relay that takes over repeats at most one batch, 1000 messages of whatever
nodes, right after they came. So the ids of all nodes are remembered together,
and their number is a constant: it grows neither with the nodes nor with what
each of them sends.
"""

#: An id is remembered until so many others have come. Twice as many take
#: about 7 MB.
KEPT = 1 << 15


class RecentIds:
    """At least the last :data:`KEPT` ids; used by one thread at a time."""

    def __init__(self) -> None:
        # Two generations, of which the older one is dropped as a whole.
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def repeats(self, message_id: str) -> bool:
        """Say whether a message id came lately, and remember it.

        :param message_id: the id.
        :returns: True if it is one of the last :data:`KEPT`.
        """
        # 64 bits are enough for some ten thousand ids.
        short = hash(message_id)
        if short in self._young:
            return True
        if len(self._young) == KEPT:
            self._old, self._young = self._young, set()
        self._young.add(short)
        return short in self._old
