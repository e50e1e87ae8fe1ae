# SPDX-License-Identifier: Apache-2.0
"""Collect notifications from RabbitMQ in the order of their arrival."""

import contextlib
import json
import pathlib
import queue
import threading
import time
from typing import Any
from typing import Self

import amqp
import kombu

_EXCHANGE = 'ironic'
# oslo.messaging sends each priority with a routing key of its own. One queue
# for all of them, for in two queues their order would be lost.
_ROUTING_KEY = 'ironic_versioned_notifications.*'
_POLL_SECONDS = 0.2


class Collector:
    """One thread, one connection, one queue; a context manager.

    :param amqp_url: the broker.
    :param path: a file that gets one line of JSON for each notification.
    :param durable: miss nothing when the broker restarts: the queue outlives
        the broker, and a message leaves it when it is in the file. Needs an
        Ironic with ``amqp_durable_queues``.
    :param quorum: with a quorum queue, which outlives each broker.
    """

    def __init__(
        self,
        amqp_url: str,
        path: pathlib.Path,
        durable: bool = False,
        quorum: bool = False,
    ) -> None:
        self.path = path
        self.count = 0
        self._url = amqp_url
        self._durable = durable
        self._quorum = quorum
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._ready: queue.Queue[BaseException | None] = queue.Queue()
        self._thread = threading.Thread(
            target=self._collect, name='bus-collector', daemon=True
        )

    def start(self) -> Self:
        """Bind the queue, before the first notification can be sent.

        :raises Exception: whatever keeps it from being bound.
        """
        self._thread.start()
        error = self._ready.get(timeout=60)
        if error is not None:
            raise error
        return self

    def wait_quiet(self, seconds: float = 2.0, at_most: float = 60.0) -> None:
        """Wait until nothing has arrived for some time.

        :param seconds: how long nothing shall have arrived.
        :param at_most: how long to wait for that.
        """
        deadline = time.monotonic() + at_most
        self._connected.wait(at_most)
        before = -1
        while before != self.count and time.monotonic() < deadline:
            before = self.count
            self._stopping.wait(seconds)

    def stop(self) -> None:
        """Stop collecting; what has arrived is in the file."""
        self._stopping.set()
        self._thread.join(30)

    def _collect(self) -> None:
        try:
            self._sessions()
        except BaseException as error:
            self._ready.put(error)

    def _sessions(self) -> None:
        with self.path.open('a', encoding='utf-8') as self._file:
            while not self._stopping.is_set():
                try:
                    self._session()
                except (OSError, amqp.AMQPError, kombu.exceptions.KombuError):
                    self._connected.clear()
                    if not self._durable:
                        raise
                    self._stopping.wait(_POLL_SECONDS)

    def _session(self) -> None:
        # Ironic declares the very same exchange, see oslo.messaging.
        exchange = kombu.Exchange(
            _EXCHANGE, type='topic', durable=self._durable, auto_delete=False
        )
        bound = kombu.Queue(
            'collector' if self._durable else '',
            exchange=exchange,
            routing_key=_ROUTING_KEY,
            exclusive=not self._durable,
            durable=self._durable,
            queue_arguments={'x-queue-type': 'quorum'} if self._quorum else {},
        )
        with kombu.Connection(self._url, heartbeat=0) as connection:
            # Without, the next line would wait longer after each failure.
            connection.connect()
            with connection.Consumer(
                bound,
                on_message=self._arrived,
                no_ack=not self._durable,
                prefetch_count=100,
            ):
                self._connected.set()
                self._ready.put(None)
                while not self._stopping.is_set():
                    with contextlib.suppress(TimeoutError):
                        connection.drain_events(timeout=_POLL_SECONDS)

    def _arrived(self, message: Any) -> None:
        line = json.dumps(
            {
                'message': json.loads(message.body),
                'priority': message.delivery_info['routing_key'],
                'monotonic': time.monotonic(),
                'received_at': time.time(),
                'redelivered': bool(message.delivery_info.get('redelivered')),
            }
        )
        self._file.write(line + '\n')
        self._file.flush()
        self.count += 1
        if self._durable:
            message.ack()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
