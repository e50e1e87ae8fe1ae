# SPDX-License-Identifier: Apache-2.0
"""What becomes of messages that were refused: retried, or set aside."""

from collections.abc import Collection

from oslo_log import log as logging

from ironic_async_events.outbox import ports
from ironic_async_events.outbox import store
from ironic_async_events.outbox import suspects as suspecting

LOG = logging.getLogger(__name__)


def due(
    rows: ports.Rows,
    suspects: suspecting.Suspects,
    busy: Collection[str],
    limit: int,
) -> list[store.Row]:
    """Read messages that were refused and may be tried again.

    By their numbers: each is the oldest of its subject. A message that does
    not wait any more is forgotten. Called by the relay's thread.

    :param rows: all messages
    :param suspects: the messages that were refused
    :param busy: subjects to leave out
    :param limit: how many at most
    :returns: messages, the one that waits longest first
    :raises Exception: what the database says
    """
    chosen = [x for x in suspects.due() if x.subject not in busy][:limit]
    if not chosen:
        return []
    waiting = {
        row.id: row for row in rows.still_waiting([x.id for x in chosen])
    }
    for suspect in chosen:
        if suspect.id not in waiting:
            suspects.forget(suspect.subject)
    return [waiting[x.id] for x in chosen if x.id in waiting]


def set_aside(rows: ports.Rows, suspects: suspecting.Suspects) -> int:
    """Take messages out of the way that are refused by themselves.

    Called by the relay's thread.

    :param rows: all messages
    :param suspects: the messages that were refused
    :returns: how many
    :raises Exception: what the database says
    """
    guilty = suspects.guilty()
    for suspect in guilty:
        rows.set_aside(suspect.id, suspect.attempts, suspect.error)
        suspects.forget(suspect.subject)
        LOG.error(
            'Message %(id)d of the outbox, about %(subject)s, is set aside '
            'after %(attempts)d attempts: %(error)s. See '
            '"ironic-async-events outbox list".',
            {
                'id': suspect.id,
                'subject': suspect.subject,
                'attempts': suspect.attempts,
                'error': suspect.error,
            },
        )
    return len(guilty)
