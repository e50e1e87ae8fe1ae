# SPDX-License-Identifier: Apache-2.0
"""A consumer that misses nothing, however often the broker goes away.

Its queue outlives the broker, and a message is taken out of it when it is in
the file. What is delivered twice to *this* consumer is told apart from what
was published twice: the broker marks it as redelivered.
"""

from collections.abc import Iterator
import dataclasses
import json
import pathlib
import threading
import time
from typing import Any
from typing import Self

import amqp
import kombu

_EXCHANGE = 'ironic'
_ROUTING_KEY = 'ironic_versioned_notifications.*'
_POLL_SECONDS = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class Delivered:
    """One message as it came.

    :param message: the notification, without its envelope.
    :param received_at: seconds since the epoch.
    :param redelivered: whether the broker has delivered it before.
    """

    message: dict[str, Any]
    received_at: float
    redelivered: bool

    @property
    def id(self) -> str:
        """The id that every repetition shares."""
        return str(self.message['message_id'])

    @property
    def data(self) -> dict[str, Any]:
        """The fields of the payload."""
        found: dict[str, Any] = self.message['payload']['ironic_object.data']
        return found


class Consumer:
    """One thread with one durable queue; a context manager.

    :param amqp_url: the broker.
    :param path: a file that gets one line for each delivery.
    """

    def __init__(self, amqp_url: str, path: pathlib.Path) -> None:
        self.path = path
        self.count = 0
        self._url = amqp_url
        self._stopping = threading.Event()
        self._bound = threading.Event()
        self._thread = threading.Thread(
            target=self._consume, name='durable-consumer', daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._bound.wait(60), 'the queue could not be bound'
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._thread.join(30)

    def read(self) -> Iterator[Delivered]:
        """Give back what has come so far, in the order of arrival."""
        with self.path.open(encoding='utf-8') as lines:
            for line in lines:
                found = json.loads(line)
                message = found['message']
                if 'oslo.message' in message:
                    message = json.loads(message['oslo.message'])
                yield Delivered(
                    message, found['received_at'], found['redelivered']
                )

    def _consume(self) -> None:
        with self.path.open('a', encoding='utf-8') as self._file:
            while not self._stopping.is_set():
                try:
                    self._session()
                except (OSError, amqp.AMQPError, kombu.exceptions.KombuError):
                    self._stopping.wait(_POLL_SECONDS)

    def _session(self) -> None:
        with kombu.Connection(self._url, heartbeat=0) as connection:
            queue = kombu.Queue(
                'laboratory',
                exchange=kombu.Exchange(
                    _EXCHANGE, type='topic', durable=True, auto_delete=False
                ),
                routing_key=_ROUTING_KEY,
                durable=True,
            )
            with connection.Consumer(
                queue, on_message=self._arrived, prefetch_count=100
            ):
                self._bound.set()
                while not self._stopping.is_set():
                    try:
                        connection.drain_events(timeout=_POLL_SECONDS)
                    except TimeoutError:
                        continue

    def _arrived(self, message: Any) -> None:
        line = {
            'message': json.loads(message.body),
            'received_at': time.time(),
            'redelivered': bool(message.delivery_info.get('redelivered')),
        }
        self._file.write(json.dumps(line) + '\n')
        self._file.flush()
        self.count += 1
        message.ack()
