# SPDX-License-Identifier: Apache-2.0
"""The memory of the checker for a node."""

from ironic_async_events.audit import chain
from ironic_async_events.audit import numbers


class Track:
    """The chain of a node's notifications of one kind.

    :param created: when the node was created; None if unknown.
    :param line: the chain.
    """

    __slots__ = ('chain', 'created')

    def __init__(
        self,
        created: str | None,
        line: chain.Chain | numbers.NumberedChain,
    ) -> None:
        self.created = created
        self.chain = line
