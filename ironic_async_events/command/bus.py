# SPDX-License-Identifier: Apache-2.0
"""Listen to notifications on the bus; other consumers still get them all.

The audit names a pool, so oslo.messaging binds one more queue to the exchange.
The bus copies every message into this queue. It is one queue for all
priorities, so a notification with priority ``error`` stays in order with the
next notification.

oslo.messaging's *batch* listener would sort messages by priority, and several
threads would mix them. So a plain listener with one thread is used.
"""

from collections.abc import Sequence
import contextlib
import logging
import os
import socket
import threading
import time
from typing import Any
from typing import Self

from oslo_config import cfg
import oslo_messaging

from ironic_async_events import redaction
from ironic_async_events.audit import observation as obs
from ironic_async_events.command import sources

TOPIC = 'ironic_versioned_notifications'
EXCHANGE = 'ironic'


def own_pool() -> str:
    """Return the name of a pool that no other listener uses."""
    return f'ironic-async-events-audit.{socket.gethostname()}.{os.getpid()}'


class _Endpoint:
    """Receives notifications of all priorities; called by the listener."""

    def __init__(self, source: 'Bus') -> None:
        self._source = source
        # oslo.messaging listens to the priorities that are method names.
        for priority in (
            'audit',
            'debug',
            'info',
            'warn',
            'error',
            'critical',
            'sample',
        ):
            setattr(self, priority, self._take)

    def _take(
        self,
        ctxt: dict[str, Any],
        publisher_id: str,
        event_type: str,
        payload: Any,
        metadata: dict[str, Any],
    ) -> None:
        """Queue a notification. Called by the thread of the listener."""
        if self._source.closed:
            return
        message = {
            'publisher_id': publisher_id,
            'event_type': event_type,
            'payload': payload,
            'message_id': metadata.get('message_id'),
            'timestamp': metadata.get('timestamp'),
        }
        self._source.queue.put(
            obs.observe({'message': message, 'received_at': time.time()})
        )


class Bus(sources.Queued):
    """A source of notifications from the bus.

    :param url: the transport URL; None for the URL in the configuration.
    :param config_files: Ironic's configuration files, for the URL and the
        options of the driver.
    :param topics: the topics to listen to.
    :param exchange: the exchange that Ironic uses.
    :param pool: the name of a pool that is kept; None for a pool that is
        deleted at the end.
    :param timeout: seconds to wait for the first connection.
    """

    live = True

    def __init__(
        self,
        url: str | None = None,
        config_files: Sequence[str] = (),
        topics: Sequence[str] = (TOPIC,),
        exchange: str = EXCHANGE,
        pool: str | None = None,
        timeout: float = 15.0,
    ) -> None:
        super().__init__()
        self._url = url
        self._config_files = list(config_files)
        self._targets = [
            oslo_messaging.Target(topic=topic, exchange=exchange)
            for topic in topics
        ]
        self._pool = pool or own_pool()
        self._keep_pool = pool is not None
        self._timeout = timeout
        self._transport: Any = None
        self._server: Any = None
        #: Set when no thread reads the queue any more.
        self.closed = False

    def __enter__(self) -> Self:
        # Not oslo.config's global configuration: it has other options.
        conf = cfg.ConfigOpts()
        try:
            conf([], default_config_files=self._config_files)
            self._transport = oslo_messaging.get_notification_transport(
                conf, url=self._url
            )
            where = _where(self._transport)
        except (cfg.Error, oslo_messaging.MessagingException) as exc:
            raise sources.SourceError(
                f'no bus to listen to: {redaction.line(exc)}; see '
                '--transport-url and --config-file'
            ) from exc
        except Exception as exc:
            # Drivers raise any exception for a URL that they cannot use.
            raise sources.SourceError(
                f'no bus to listen to: {type(exc).__name__}; check '
                f'--transport-url'
            ) from exc
        self._server = oslo_messaging.get_notification_listener(
            self._transport, self._targets, [_Endpoint(self)], pool=self._pool
        )
        self._start(where)
        return self

    def _start(self, where: str) -> None:
        """Start to listen; give up after the timeout.

        oslo.messaging itself retries for ever.
        """
        failures: list[Exception] = []

        def start() -> None:
            try:
                self._server.start(override_pool_size=1)
            except Exception as exc:
                failures.append(exc)

        starter = threading.Thread(target=start, daemon=True)
        starter.start()
        starter.join(self._timeout)
        if not starter.is_alive() and not failures:
            return
        # A start that hangs cannot be stopped, only left behind.
        self._server = self._transport = None
        reason = (
            f'{type(failures[0]).__name__}'
            if failures
            else f'no connection within {self._timeout:g} s'
        )
        raise sources.SourceError(
            f'cannot listen to {where}: {reason}; is the bus running, and are '
            f'user, password and virtual host of the URL right?'
        )

    def close(self) -> None:
        """Stop listening, and delete the queue unless the pool was named."""
        self.closed = True
        if self._server is not None:
            self._server.stop()
            # The listener may be waiting for room in the queue.
            while not self.queue.empty():
                self.queue.get()
            self._server.wait()
            if not self._keep_pool:
                _delete_queue(self._transport, self._pool)
            self._server = None
        if self._transport is not None:
            self._transport.cleanup()
            self._transport = None


def _where(transport: Any) -> str:
    """Return the hosts of a transport, without users and passwords."""
    driver: Any = getattr(transport, '_driver', None)
    url = getattr(driver, '_url', None)
    if url is None:
        return 'the bus'
    hosts = [f'{host.hostname}:{host.port or "-"}' for host in url.hosts]
    return f'{url.transport}://' + ','.join(hosts)


def _delete_queue(transport: Any, name: str) -> None:
    """Delete a queue of RabbitMQ, which would fill without a consumer."""
    from oslo_messaging._drivers import common

    driver: Any = getattr(transport, '_driver', None)
    # The drivers fake and kafka have no queue to delete.
    if not hasattr(driver, '_get_connection'):
        return
    # amqp warns of an answer that comes while its channel closes.
    logging.getLogger('amqp').setLevel(logging.ERROR)
    with (
        contextlib.suppress(Exception),
        driver._get_connection(common.PURPOSE_SEND) as connection,
    ):
        connection.channel.queue_delete(queue=name)
