# SPDX-License-Identifier: Apache-2.0
"""A broker that is slow, or down: a proxy on loopback before a real one.

It understands as much of AMQP 0-9-1 as it takes to know a publish when it
sees one, and hands everything on as it came.
"""

from collections.abc import Callable
import contextlib
import socket
import struct
import threading
import time
from typing import Self

_HEADER = struct.Struct('>BHI')
# A method's frame that begins with the class and the number of basic.publish.
# The message itself is in the frames that follow.
_METHOD, _PUBLISH = 1, struct.pack('>HH', 60, 40)
# Each connection begins with this: AMQP and the version.
_GREETING = 8
_CHUNK = 65536


class SlowBroker:
    """A proxy with threads of its own; a context manager."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.delay = 0.0
        """How many seconds each publish is held up."""
        self.published = 0
        """How many have passed."""
        self._broker = port
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.down()

    def up(self) -> None:
        """Let clients in, always at the same port."""
        listener = socket.create_server(('127.0.0.1', self.port))
        self.port = listener.getsockname()[1]
        self._open = [listener]
        _start(self._accept, listener)

    def down(self) -> None:
        """Close all connections, and refuse new ones."""
        _end(*self._open)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            broker = socket.create_connection(('127.0.0.1', self._broker))
            self._open += client, broker
            _start(self._forth, client, broker)
            _start(_back, broker, client)

    def _forth(self, client: socket.socket, broker: socket.socket) -> None:
        with client.makefile('rb') as frames:
            broker.sendall(frames.read(_GREETING))
            while header := frames.read(_HEADER.size):
                kind, _, size = _HEADER.unpack(header)
                # One octet more: the end of a frame.
                payload = frames.read(size + 1)
                if (kind, payload[:4]) == (_METHOD, _PUBLISH):
                    time.sleep(self.delay)
                    self.published += 1
                broker.sendall(header + payload)


def _back(broker: socket.socket, client: socket.socket) -> None:
    while chunk := broker.recv(_CHUNK):
        client.sendall(chunk)


def _start(way: Callable[..., None], *ends: socket.socket) -> None:
    """Run a way in a thread; when it ends, so does the other way."""

    def run() -> None:
        # Half a frame is left when a connection ends.
        with contextlib.suppress(OSError, struct.error):
            way(*ends)
        _end(*ends)

    threading.Thread(target=run, daemon=True).start()


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        # Wakes who waits for it.
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
