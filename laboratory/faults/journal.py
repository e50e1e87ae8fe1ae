# SPDX-License-Identifier: Apache-2.0
"""What one case leaves behind for its judgement."""

import dataclasses
import logging
from typing import Any

from laboratory.faults import database

#: In every node that the sweep makes, and in no text of Ironic.
CONFIG_DRIVE = 'the-config-drive'
#: What nobody may be told: the token of the agent and passwords, too, as the
#: table of operations has them.
SECRETS = (CONFIG_DRIVE, 'a-token', 'a password', 'hashed secret')


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the caller of a request got, and what was so at that moment.

    :param error: the error, if any
    :param changes: how many changes of the state were committed
    :param asked: how often a worker was asked for
    :param seconds: how long the request took
    """

    error: BaseException | None
    changes: int
    asked: int
    seconds: float


@dataclasses.dataclass
class Journal:
    """One case, from its beginning to its end.

    :param name: of the case
    :param operation: name of the operation
    :param staged: whether the operation changes the state to begin with
    :param periodic: whether it is a pass, which has no caller
    :param before: the row of the node before the request
    """

    name: str
    operation: str
    staged: bool
    periodic: bool
    before: dict[str, Any]
    #: The statements of the request and its worker.
    made: list[database.Made] = dataclasses.field(default_factory=list)
    answer: Answer | None = None
    #: The row when everything of the request had ended.
    after: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: How many changes of the state were committed then.
    changes: int = 0
    #: How many records the history had then.
    records: int = 0
    #: The same at the very end.
    end: dict[str, Any] = dataclasses.field(default_factory=dict)
    states: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    told: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    locks: list[str] = dataclasses.field(default_factory=list)
    shared_locks: list[str] = dataclasses.field(default_factory=list)
    #: Threads that never ended.
    left: list[str] = dataclasses.field(default_factory=list)
    #: Why the lock could not be had afterwards.
    locked: BaseException | None = None
    #: What was said to operators: errors, history and log.
    said: list[tuple[str, str]] = dataclasses.field(default_factory=list)


class Log(logging.Handler):
    """Keeps what is logged at INFO and above."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        self.lines.append(self.format(record))
