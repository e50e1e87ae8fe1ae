# SPDX-License-Identifier: Apache-2.0
"""A broker that is slow, or down: a proxy on loopback before a real one."""

import contextlib
import socket
import threading
import time
from typing import Self

_CHUNK = 65536


class SlowBroker:
    """A proxy with threads of its own; a context manager."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.delay = 0.0
        """How many seconds is held up what a client sends, so each publish."""
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
        threading.Thread(
            target=self._accept, args=(listener,), daemon=True
        ).start()

    def down(self) -> None:
        """Close all connections, and refuse new ones."""
        _end(*self._open)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                broker = socket.create_connection(('127.0.0.1', self._broker))
                self._open += client, broker
                for ends in ((client, broker), (broker, client)):
                    threading.Thread(
                        target=self._pass, args=ends, daemon=True
                    ).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        """Pass on what comes; when one way ends, so does the other way."""
        with contextlib.suppress(OSError):
            to_broker = target.getpeername()[1] == self._broker
            while chunk := source.recv(_CHUNK):
                if to_broker:
                    time.sleep(self.delay)
                target.sendall(chunk)
        _end(source, target)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        # Wakes who waits for it.
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
