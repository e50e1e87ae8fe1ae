# SPDX-License-Identifier: Apache-2.0
"""Listen to notifications on the bus; other consumers still get them all.

The audit names a pool, so oslo.messaging binds one more queue to the exchange.
The bus copies every message into this queue. It is one queue for all
priorities, so a notification with priority ``error`` stays in order with the
next notification.

oslo.messaging's *batch* listener would sort messages by priority, and several
threads would mix them. So a plain listener with one thread is used.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import logging
import os
import socket
import threading
import time
import types
from typing import Any

from oslo_config import cfg
import oslo_messaging

from ironic_async_events import redaction
from ironic_async_events.audit import observation as obs
from ironic_async_events.command import sources

TOPIC = 'ironic_versioned_notifications'
EXCHANGE = 'ironic'
# oslo.messaging listens to the priorities that are methods of an endpoint.
_PRIORITIES = (
    *('audit', 'debug', 'info', 'warn', 'error'),
    *('critical', 'sample'),
)


@contextlib.contextmanager
def listen(
    url: str | None = None,
    config_files: Sequence[str] = (),
    topics: Sequence[str] = (TOPIC,),
    exchange: str = EXCHANGE,
    pool: str | None = None,
    timeout: float = 15.0,
) -> Iterator[sources.Batches]:
    """Listen until the block ends.

    :param url: the transport URL; None for the URL in the configuration.
    :param pool: the name of a queue that is kept; None for a queue that is
        deleted at the end.
    :param timeout: seconds to wait for the first connection.
    :raises SourceError: when nothing can be heard.
    """
    host = f'{socket.gethostname()}.{os.getpid()}'
    name = f'ironic-async-events-audit.{host}' if pool is None else pool
    transport, where = _transport(url, config_files)
    messages = sources.Queue()
    closed = threading.Event()

    def take(
        ctxt: dict[str, Any],
        publisher_id: str,
        event_type: str,
        payload: Any,
        metadata: dict[str, Any],
    ) -> None:
        """Queue a notification. Called by the thread of the listener."""
        message = {
            'publisher_id': publisher_id,
            'event_type': event_type,
            'payload': payload,
            'message_id': metadata.get('message_id'),
            'timestamp': metadata.get('timestamp'),
        }
        if not closed.is_set():
            messages.put(
                obs.observe({'message': message, 'received_at': time.time()})
            )

    server = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(topic=x, exchange=exchange) for x in topics],
        [types.SimpleNamespace(**dict.fromkeys(_PRIORITIES, take))],
        pool=name,
    )
    _start(server, where, timeout)
    try:
        yield messages.batches()
    finally:
        closed.set()
        server.stop()
        # The listener may be waiting for room in the queue.
        while not messages.empty():
            messages.get()
        server.wait()
        if pool is None:
            _delete_queue(transport, name)
        transport.cleanup()


def _transport(
    url: str | None, config_files: Sequence[str]
) -> tuple[Any, str]:
    """Return the transport, and its hosts without users and passwords."""
    # Not oslo.config's global configuration: it has other options.
    conf = cfg.ConfigOpts()
    try:
        conf([], default_config_files=list(config_files))
        transport = oslo_messaging.get_notification_transport(conf, url=url)
        parts = oslo_messaging.TransportURL.parse(
            conf, url or conf.oslo_messaging_notifications.transport_url
        )
    except (cfg.Error, oslo_messaging.MessagingException) as exc:
        raise sources.SourceError(
            f'no bus to listen to: {redaction.line(exc)}; see '
            '--transport-url and --config-file'
        ) from exc
    except Exception as exc:
        # Drivers raise any exception for a URL that they cannot use.
        raise sources.SourceError(
            f'no bus to listen to: {type(exc).__name__}; check --transport-url'
        ) from exc
    hosts = ','.join(f'{x.hostname}:{x.port or "-"}' for x in parts.hosts)
    return transport, f'{parts.transport}://{hosts}'


def _start(server: Any, where: str, timeout: float) -> None:
    """Start to listen; give up after the timeout.

    oslo.messaging itself retries for ever. A start that hangs cannot be
    stopped, only left behind.
    """
    failures: list[Exception] = []

    def start() -> None:
        try:
            server.start(override_pool_size=1)
        except Exception as exc:
            failures.append(exc)

    starter = threading.Thread(target=start, daemon=True)
    starter.start()
    starter.join(timeout)
    reason = ''
    if failures:
        reason = type(failures[0]).__name__
    elif starter.is_alive():
        reason = f'no connection within {timeout:g} s'
    if reason:
        raise sources.SourceError(
            f'cannot listen to {where}: {reason}; is the bus running, and are '
            f'user, password and virtual host of the URL right?'
        )


def _delete_queue(transport: Any, name: str) -> None:
    """Delete a queue of RabbitMQ, which would fill without a consumer."""
    driver: Any = getattr(transport, '_driver', None)
    # The drivers fake and kafka have no queue to delete.
    if not hasattr(driver, '_get_connection'):
        return
    # amqp warns of an answer that comes while its channel closes.
    logging.getLogger('amqp').setLevel(logging.ERROR)
    with (
        contextlib.suppress(Exception),
        driver._get_connection() as connection,
    ):
        connection.channel.queue_delete(queue=name)
