# SPDX-License-Identifier: Apache-2.0
"""A broker that is slow, or down: a proxy on loopback before a real one.

It understands as much of AMQP 0-9-1 as it takes to know a publish when it
sees one, and hands everything on as it came.
"""

import asyncio
from collections.abc import Coroutine
import struct
import threading
from typing import Any
from typing import Self

_HEADER = struct.Struct('>BHI')
# A method's frame that begins with the class and the number of basic.publish.
# The message itself is in the frames that follow.
_METHOD, _PUBLISH = 1, struct.pack('>HH', 60, 40)
# Each connection begins with this: AMQP and the version.
_GREETING = 8
_CHUNK = 65536
_SECONDS = 30.0


class SlowBroker:
    """A proxy in a thread of its own; a context manager.

    :param port: of the broker, on loopback.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.delay = 0.0
        """How many seconds each publish is held up."""
        self.published = 0
        """How many have passed."""
        self._broker = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name='slow-broker', daemon=True
        )
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.up()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    def up(self) -> None:
        """Let clients in, always at the same port."""
        self._do(self._up())

    def down(self) -> None:
        """Close all connections, and refuse new ones."""
        self._do(self._down())

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(_SECONDS)

    async def _up(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, '127.0.0.1', self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        open_now = list(self._open)
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)

    async def _serve(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        writers = [to_client]
        try:
            broker, to_broker = await asyncio.open_connection(
                '127.0.0.1', self._broker
            )
            writers.append(to_broker)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._forth(client, to_broker))
                ways.create_task(_back(broker, to_client))
        except* (OSError, EOFError, asyncio.CancelledError):
            # The task ends with its connection, and nobody waits for it.
            pass
        finally:
            self._open.discard(task)
            for writer in writers:
                writer.transport.abort()

    async def _forth(
        self, client: asyncio.StreamReader, broker: asyncio.StreamWriter
    ) -> None:
        broker.write(await client.readexactly(_GREETING))
        while True:
            header = await client.readexactly(_HEADER.size)
            kind, _, size = _HEADER.unpack(header)
            # One octet more: the end of a frame.
            payload = await client.readexactly(size + 1)
            if (kind, payload[:4]) == (_METHOD, _PUBLISH):
                await asyncio.sleep(self.delay)
                self.published += 1
            broker.write(header + payload)
            await broker.drain()


async def _back(
    broker: asyncio.StreamReader, client: asyncio.StreamWriter
) -> None:
    while chunk := await broker.read(_CHUNK):
        client.write(chunk)
        await client.drain()
    # Ends the other way as well.
    raise EOFError
