# SPDX-License-Identifier: Apache-2.0
"""What the logs of the conductors say about the changes that they made."""

from collections.abc import Iterable
import dataclasses
import datetime
import re

_MOVED = re.compile(
    r'^(?P<at>\S+ \S+) .*Node (?P<node>\S+) moved to provision state '
    r'"(?P<state>[^"]*)" from state "(?P<previous>[^"]*)"'
)


@dataclasses.dataclass(frozen=True, slots=True)
class Moved:
    """One change that a conductor has logged, once it was saved.

    :param conductor: which one.
    :param at: when, in seconds since the epoch.
    :param node: the UUID of the node.
    :param previous: the provision state before.
    :param state: the provision state after.
    """

    conductor: int
    at: float
    node: str
    previous: str
    state: str


def moved(conductor: int, lines: Iterable[str]) -> list[Moved]:
    """Find the changes in the log of one conductor.

    :param conductor: which one.
    :param lines: its log; the times in it are those of this machine.
    """
    found = []
    for line in lines:
        match = _MOVED.match(line)
        if match:
            at = datetime.datetime.fromisoformat(match['at']).timestamp()
            found.append(
                Moved(
                    conductor,
                    at,
                    match['node'],
                    match['previous'],
                    match['state'],
                )
            )
    return found


def about(node: str, lines: Iterable[str], count: int) -> list[str]:
    """Return the last lines that name a node.

    :param node: its UUID.
    :param lines: a log.
    :param count: how many lines.
    """
    return [line for line in lines if node in line][-count:]
