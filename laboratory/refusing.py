# SPDX-License-Identifier: Apache-2.0
"""A queue that refuses what is published, until somebody reads it."""

import json
import threading
from typing import Any
from typing import Self

import kombu

from ironic_async_events.audit import envelope

_EXCHANGE = 'ironic'
_ROUTING_KEY = 'ironic_versioned_notifications.error'
_NAME = 'refusing'
_POLL_SECONDS = 0.2


class Refusing:
    """A queue for errors that holds one message; a context manager.

    While it is full the broker refuses every error, also on behalf of other
    queues that would take it.

    :param amqp_url: the broker.
    """

    def __init__(self, amqp_url: str) -> None:
        self.numbers: list[int] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._read, name='refusing-reader', daemon=True
        )
        self._connection = kombu.Connection(amqp_url, heartbeat=0)

    def __enter__(self) -> Self:
        self._queue = kombu.Queue(
            _NAME,
            exchange=kombu.Exchange(
                _EXCHANGE, type='topic', durable=True, auto_delete=False
            ),
            routing_key=_ROUTING_KEY,
            durable=True,
            queue_arguments={
                'x-max-length': 1,
                'x-overflow': 'reject-publish',
            },
        )
        channel = self._connection.channel()
        self._queue(channel).declare()
        # From now on it is full.
        self._connection.Producer(channel).publish(
            '{}', exchange='', routing_key=_NAME
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30)
        self._connection.release()

    def take_again(self) -> None:
        """Have somebody read the queue."""
        self._thread.start()

    def _read(self) -> None:
        with self._connection.Consumer(self._queue, on_message=self._arrived):
            while not self._stopping.is_set():
                try:
                    self._connection.drain_events(timeout=_POLL_SECONDS)
                except TimeoutError:
                    continue

    def _arrived(self, message: Any) -> None:
        body = json.loads(message.body)
        if body:
            notification, _ = envelope.unwrap(body)
            data = notification['payload']['ironic_object.data']
            self.numbers.append(data['number'])
        message.ack()
