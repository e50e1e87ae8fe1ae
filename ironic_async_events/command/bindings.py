# SPDX-License-Identifier: Apache-2.0
"""Find consumers that never see a failure, from the bindings of queues.

Ironic announces a failure with priority ERROR. oslo.messaging gives each
priority a routing key of its own: ``<topic>.info``, ``<topic>.error``.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

TOPIC = 'ironic_versioned_notifications'


class Queue(NamedTuple):
    """A queue that is bound to Ironic's exchange.

    :param host: the virtual host.
    :param name: the name of the queue.
    :param keys: the routing keys with which the queue is bound.
    :param consumers: how many consumers read the queue now.
    """

    host: str
    name: str
    keys: frozenset[str]
    consumers: int


def matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether a topic exchange routes a key to a binding.

    :param pattern: the words of the binding's key; ``*`` is any word, ``#``
        any number of words.
    :param words: the words of the message's key.
    """
    if not pattern:
        return not words
    first, rest = pattern[0], pattern[1:]
    if first == '#':
        return any(
            matches(rest, words[skipped:]) for skipped in range(len(words) + 1)
        )
    return (
        bool(words) and first in ('*', words[0]) and matches(rest, words[1:])
    )


def gets(queue: Queue, key: str) -> bool:
    """Return whether a queue gets messages with a routing key."""
    return any(
        matches(pattern.split('.'), key.split('.')) for pattern in queue.keys
    )


def concerns(queues: Iterable[Queue], topic: str = TOPIC) -> list[str]:
    """Return a line for each queue that gets ``.info`` and not ``.error``.

    The queues ``<topic>.info`` and ``<topic>.error`` are those of
    oslo.messaging: a sender creates them, each for one priority. A consumer
    of the first should read the second as well.

    :param queues: the queues of all virtual hosts.
    :param topic: the topic of the notifications.
    """
    info, error = f'{topic}.info', f'{topic}.error'
    known = {(queue.host, queue.name): queue for queue in queues}
    lines = []
    for (host, name), queue in sorted(known.items()):
        if not gets(queue, info) or gets(queue, error):
            continue
        where = f'queue {name} (virtual host {host})'
        if name != info:
            lines.append(
                f'{where} gets {info} and not {error}: its consumer never '
                f'sees a failure. Bind it to {topic}.*'
            )
        elif queue.consumers and not (
            (host, error) in known and known[host, error].consumers
        ):
            lines.append(
                f'{where} has a consumer, and {error} has none: the consumer '
                'never sees a failure. Give it a queue of its own that is '
                f'bound to {topic}.*'
            )
    return lines
