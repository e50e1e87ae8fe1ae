# SPDX-License-Identifier: Apache-2.0
"""What is kept of a node from one notification to the next."""

from array import array

from ironic_async_events.audit import chain
from ironic_async_events.audit import numbers

#: How many of a node's message ids are remembered.
RECENT = 32


class Track:
    """The notifications of one kind of one node.

    :param created: when the node was created, as far as that is known.
    :param line: the chain that its notifications form.
    """

    __slots__ = ('chain', 'created', 'next_id', 'recent')

    def __init__(
        self,
        created: str | None,
        line: chain.Chain | numbers.NumberedChain,
    ) -> None:
        self.created = created
        self.chain = line
        self.recent = array('q')
        self.next_id = 0

    def repeats(self, message_id: str) -> bool:
        """Say whether a message id was seen lately, and remember it.

        :param message_id: the id.
        :returns: True if it is one of the last :data:`RECENT`.
        """
        # 64 bits are enough for a few dozen ids, and need no object each.
        short = hash(message_id)
        recent = self.recent
        if short in recent:
            return True
        if len(recent) < RECENT:
            recent.append(short)
        else:
            recent[self.next_id] = short
            self.next_id = (self.next_id + 1) % RECENT
        return False
