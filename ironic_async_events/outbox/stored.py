# SPDX-License-Identifier: Apache-2.0
"""What is read of the outbox, as values."""

import dataclasses
from typing import NamedTuple


class Row(NamedTuple):
    """A message that waits.

    :param id: rises in the order of the transitions of one node
    :param subject: what the message is about
    :param body: the message, encoded
    :param destination: where it is published; empty when an older release has
        stored it
    """

    id: int
    subject: str
    body: str
    destination: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages wait to be published.

    :param count: how many messages wait
    :param seconds: for how long the oldest message has waited
    :param set_aside: how many messages are set aside
    :param refused: how many of those that wait were refused
    """

    count: int
    seconds: float
    set_aside: int
    refused: int = 0
