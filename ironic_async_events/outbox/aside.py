# SPDX-License-Identifier: Apache-2.0
"""Messages that were set aside, for the operator's commands."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import sqlalchemy as sa

from ironic_async_events.outbox import dbtime
from ironic_async_events.outbox import store
from ironic_async_events.outbox import table

_COLUMNS = table.OUTBOX.c
_ASIDE = _COLUMNS.set_aside_at.is_not(None)


@dataclasses.dataclass(frozen=True, slots=True)
class SetAside:
    """One message that was set aside.

    :param id: its number, which the commands take
    :param message_id: the id that every repetition shares
    :param subject: what it is about
    :param body: the message, encoded
    :param attempts: how often it was refused
    :param error: how, at last
    :param seconds: for how long it has been set aside
    """

    id: int
    message_id: str
    subject: str
    body: str
    attempts: int
    error: str
    seconds: float


def listed() -> list[SetAside]:
    """Read the messages that were set aside, the oldest first."""
    query = (
        sa.select(
            _COLUMNS.id,
            _COLUMNS.message_id,
            _COLUMNS.subject,
            _COLUMNS.body,
            _COLUMNS.attempts,
            _COLUMNS.error,
            dbtime.epoch() - _COLUMNS.set_aside_at,
        )
        .where(_ASIDE)
        .order_by(_COLUMNS.id)
    )
    with store.reader() as session:
        return [SetAside(*row) for row in session.execute(query)]


def retry(ids: Sequence[int]) -> set[int]:
    """Let messages that were set aside wait again.

    :param ids: their numbers
    :returns: the numbers of those that were set aside
    """
    with store.writer() as session:
        found = _set_aside_among(session, ids)
        session.execute(
            table.OUTBOX.update()
            .where(_COLUMNS.id.in_(sorted(found)))
            .values(set_aside_at=None, attempts=0, error=None)
        )
    return found


def purge(ids: Sequence[int]) -> set[int]:
    """Delete messages that were set aside; they are never published.

    :param ids: their numbers
    :returns: the numbers of those that were set aside
    """
    with store.writer() as session:
        found = _set_aside_among(session, ids)
        session.execute(
            table.OUTBOX.delete().where(_COLUMNS.id.in_(sorted(found)))
        )
    return found


def _set_aside_among(session: Any, ids: Sequence[int]) -> set[int]:
    query = (
        sa.select(_COLUMNS.id)
        .where(_COLUMNS.id.in_(ids), _ASIDE)
        .with_for_update()
    )
    return set(session.execute(query).scalars())
