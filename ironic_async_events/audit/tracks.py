# SPDX-License-Identifier: Apache-2.0
"""What is kept of a node from one notification to the next."""

from ironic_async_events.audit import chain
from ironic_async_events.audit import numbers


class Track:
    """The notifications of one kind of one node.

    :param created: when the node was created, as far as that is known.
    :param line: the chain that its notifications form.
    """

    __slots__ = ('chain', 'created')

    def __init__(
        self,
        created: str | None,
        line: chain.Chain | numbers.NumberedChain,
    ) -> None:
        self.created = created
        self.chain = line
