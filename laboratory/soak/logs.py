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
_GIVEN_UP = re.compile(
    r'^(?P<at>\S+ \S+) .*Could not send notification to .*'
    r"'previous_provision_state': '(?P<previous>[^']*)'.*"
    r"'provision_state': '(?P<state>[^']*)'.*"
    r"'uuid': '(?P<node>[^']*)'"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of the log of a conductor about a change.

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


def moved(conductor: int, text: Iterable[str]) -> list[Line]:
    """Find the changes that a conductor has logged, once they were saved.

    :param conductor: which one.
    :param text: its log; the times in it are those of this machine.
    """
    return _found(_MOVED, conductor, text)


def given_up(conductor: int, text: Iterable[str]) -> list[Line]:
    """Find the notifications that oslo.messaging has not sent, as it says.

    :param conductor: which one.
    :param text: its log.
    """
    return _found(_GIVEN_UP, conductor, text)


def _found(
    pattern: re.Pattern[str], conductor: int, text: Iterable[str]
) -> list[Line]:
    return [
        Line(
            conductor,
            datetime.datetime.fromisoformat(match['at']).timestamp(),
            match['node'],
            match['previous'],
            match['state'],
        )
        for match in map(pattern.match, text)
        if match
    ]


def about(node: str, text: Iterable[str], count: int) -> list[str]:
    """Return the last lines that name a node.

    :param node: its UUID.
    :param text: a log.
    :param count: how many lines.
    """
    return [line for line in text if node in line][-count:]
