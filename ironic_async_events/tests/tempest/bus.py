# SPDX-License-Identifier: Apache-2.0
"""Collect notifications from RabbitMQ in the order of their arrival."""

import contextlib
import json
import pathlib
import queue
import socket
import threading
import time
from typing import Any
from typing import Self

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
    """

    def __init__(self, amqp_url: str, path: pathlib.Path) -> None:
        self.path = path
        self.count = 0
        self._url = amqp_url
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
        before = -1
        while before != self.count and time.monotonic() < deadline:
            before = self.count
            time.sleep(seconds)

    def stop(self) -> None:
        """Stop collecting; what has arrived is in the file."""
        self._stopping.set()
        self._thread.join(30)

    def _collect(self) -> None:
        try:
            with kombu.Connection(self._url, heartbeat=0) as connection:
                # Ironic declares the very same exchange, see oslo.messaging.
                exchange = kombu.Exchange(
                    _EXCHANGE, type='topic', durable=False, auto_delete=False
                )
                bound = kombu.Queue(
                    '',
                    exchange=exchange,
                    routing_key=_ROUTING_KEY,
                    exclusive=True,
                    durable=False,
                )
                with (
                    self.path.open('a', encoding='utf-8') as self._file,
                    connection.Consumer(
                        bound, on_message=self._arrived, no_ack=True
                    ),
                ):
                    self._ready.put(None)
                    while not self._stopping.is_set():
                        with contextlib.suppress(socket.timeout, TimeoutError):
                            connection.drain_events(timeout=_POLL_SECONDS)
        except BaseException as error:
            self._ready.put(error)

    def _arrived(self, message: Any) -> None:
        line = json.dumps(
            {
                'message': json.loads(message.body),
                'priority': message.delivery_info['routing_key'],
                'monotonic': time.monotonic(),
                'received_at': time.time(),
            }
        )
        self._file.write(line + '\n')
        self._file.flush()
        self.count += 1

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
