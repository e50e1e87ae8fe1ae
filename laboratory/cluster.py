# SPDX-License-Identifier: Apache-2.0
"""Some conductors and an API, whose services can be hurt one by one.

The conductors listen on addresses of their own (127.0.0.1, 127.0.0.2, ...):
requests reach them without the broker, which is what may be away.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import os
import signal
from typing import Any
from typing import Self

from ironic_async_events.audit import observation
from ironic_async_events.tests.tempest import bus
from laboratory import configuration
from laboratory import deployment
from laboratory import processes
from laboratory import recorder
from laboratory import service
from laboratory import truth
from laboratory import witness

SIDES = {
    'stock': ('messagingv2',),
    'plugin': ('messagingv2', 'async_events'),
    'outbox': ('async_events_outbox',),
}
"""What is compared, and the notification drivers that it takes."""

TAKING_OVER: configuration.Options = {
    # Over json-rpc on a port of its own a conductor is known by another name
    # than the one that it locks nodes with, and nobody takes them over.
    'DEFAULT': {'hash_ring_reset_interval': 3, 'rpc_transport': 'oslo'},
    'conductor': {
        'heartbeat_interval': 2,
        'heartbeat_timeout': 8,
        'check_provision_state_interval': 3,
    },
}
"""Options with which nodes of a dead conductor are soon taken over."""

_TAKES_REQUESTS = 'Created RPC server'


class Cluster:
    """Everything that a run needs; a context manager.

    :param conductors: how many; 0 for the all-in-one service on SQLite.
    :param options: more options for ``ironic.conf``; requests go through the
        broker as well where ``rpc_transport`` is ``oslo`` among them.
    """

    def __init__(
        self,
        conductors: int = 2,
        options: configuration.Options | None = None,
        side: str = 'outbox',
    ) -> None:
        self._count = conductors
        self._extra = options or {}
        self._driver = SIDES[side]
        self.conductors: list[processes.Process] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in (*self.conductors, self.api):
            process.stop()
        self._stack.close()

    @property
    def endpoint(self) -> str:
        return self._ironics[0].endpoint

    def _start(self) -> None:
        shared = self._stack.enter_context(self._servers())
        assert shared.rabbitmq is not None
        self.directory, self.broker = shared.directory, shared.rabbitmq
        self._database = shared.database
        path = self.directory / 'notifications.jsonl'
        self.consumer = bus.Collector(
            self.broker.amqp_url, path, durable=True, quorum=self._quorum
        )
        self._stack.enter_context(self.consumer)
        self._ironics = self._configured(shared)
        first = self._ironics[0]
        first.create_schema()
        first.run_once('ironic-async-events-dbsync', 'upgrade')
        self.eye = witness.Witness(self._witnessed() or first.database)
        self.eye.install()
        if not self._count:
            self.api = first.part('ironic').start()
        else:
            self.conductors = [
                one.part('ironic-conductor').start() for one in self._ironics
            ]
            self.api = first.part('ironic-api').start()
        self._wait_for_api()

    # What a subclass does in another way

    _quorum = False
    _command: Sequence[str] = ()
    """How conductors are run; empty: as Ironic's own."""

    def _servers(self) -> contextlib.AbstractContextManager[Any]:
        return deployment.servers('mariadb' if self._count else '', True)

    def _url(self, number: int) -> str:
        """Tell where a conductor has its database; empty for SQLite."""
        return self._database.url if self._database else ''

    def _witnessed(self) -> str:
        """Tell where the witness looks, if not where the API does."""
        return ''

    def _configured(self, shared: deployment.Servers) -> list[service.Ironic]:
        rpc = 'json-rpc' if self._count else 'none'
        port, api_port = processes.free_port(), processes.free_port()
        endpoint = f'http://127.0.0.1:{api_port}'
        ironics = []
        for number in range(1, max(1, self._count) + 1):
            host = f'127.0.0.{number}'
            common: configuration.Options = {
                'DEFAULT': {'host': host, 'rpc_transport': rpc},
                'json_rpc': {'host_ip': host, 'port': port},
                'api': {'port': api_port},
                # A node in the hands of a dead conductor waits for it to
                # come back.
                'conductor': {'heartbeat_timeout': 600},
                'oslo_messaging_notifications': {'driver': [*self._driver]},
                'oslo_messaging_rabbit': {'amqp_durable_queues': True},
                'service_catalog': {'endpoint_override': endpoint},
            }
            one = service.Ironic(
                shared.room(f'ironic-{number}'),
                plugin=True,
                database=self._url(number),
                transport=self.broker.url,
                split=bool(self._count),
                options=configuration.merged(common, self._extra),
                command=self._command,
            )
            one.port = api_port
            ironics.append(one)
        return ironics

    def _wait_for_api(self) -> None:
        first, all_of_them = self._ironics[0], max(1, self._count)
        self.api.require(
            lambda: first.conductors() >= all_of_them,
            processes.START_SECONDS,
            'see conductors',
        )

    # What can be done to it

    def kill(self, number: int) -> None:
        self.conductors[number].kill()

    def revive(self, number: int) -> None:
        part = self._ironics[number].part('ironic-conductor')
        self.conductors[number] = part.start()

    def move(self, environment: Mapping[str, str]) -> None:
        """Stop all services, and start them with more variables."""
        for process in (*self.conductors, self.api):
            process.stop()
        for one in self._ironics:
            one.environment.update(environment)
        for number in range(len(self.conductors)):
            self.restart(number)
        self.api = self._ironics[0].part('ironic-api').start()
        self._wait_for_api()

    def wait_for_rpc(self, number: int, times: int) -> None:
        """Wait until a conductor takes requests, after so many starts."""
        self.conductors[number].require(
            lambda: self.starts(number) >= times,
            processes.START_SECONDS,
            'take requests',
        )

    def come_back(self, number: int) -> None:
        """Start a conductor again, and wait until it takes requests."""
        times = self.starts(number)
        self.revive(number)
        self.wait_for_rpc(number, times + 1)

    def restart(self, number: int) -> None:
        self.conductors[number].stop()
        self.come_back(number)

    def reload(self, number: int, options: configuration.Options) -> None:
        one = self._ironics[number]
        one.options = configuration.merged(one.options, options)
        # Writes the file; what it prepares is there already.
        one.part('ironic-conductor')
        os.kill(self.conductors[number].pid, signal.SIGHUP)

    def freeze(self, number: int) -> None:
        self.conductors[number].signal(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        self.conductors[number].signal(signal.SIGCONT)

    def restart_database(self) -> None:
        assert self._database is not None
        self._database.stop()
        self._database.start()

    # What can be asked of it

    def waiting(self) -> int:
        return self._number('count(*) FROM async_events_outbox')

    def leader(self) -> int | None:
        """Tell which conductor has the lease; None if nobody has."""
        (holder, expires_at), *_ = self.eye.query(
            'SELECT holder, expires_at FROM async_events_relay'
        )
        if not expires_at:
            return None
        pid = int(holder.split(':')[-2])
        for number, process in enumerate(self.conductors):
            with contextlib.suppress(OSError):
                if os.getpgid(pid) == process.pid:
                    return number
        return None

    def term(self) -> int:
        return self._number('term FROM async_events_relay')

    def _number(self, what: str) -> int:
        return int(self.eye.query(f'SELECT {what}')[0][0])

    def drained(self, seconds: float = 120.0) -> bool:
        """Wait until the outbox is empty and everything has arrived."""
        if not processes.wait_for(lambda: not self.waiting(), seconds, 0.2):
            return False
        self.consumer.wait_quiet(1.0, 600.0)
        return True

    def works(self, number: int) -> bool:
        where = "reservation = :host AND provision_state = 'deploying'"
        query = f'SELECT id FROM nodes WHERE {where}'
        return bool(self.eye.query(query, host=self.host(number)))

    def host(self, number: int) -> str:
        return str(self._ironics[number].options['DEFAULT']['host'])

    def starts(self, number: int) -> int:
        """Count how often a conductor has come to take requests."""
        return self.log(number).count(_TAKES_REQUESTS)

    def log(self, number: int) -> str:
        name = 'ironic-conductor' if self._count else 'ironic'
        return self._ironics[number].log(name).read_text()

    def arrived(self) -> Iterator[Mapping[str, Any]]:
        """Read what was recorded; what the broker repeated counts once."""
        ids = set()
        for line in recorder.read(self.consumer.path):
            message, _ = observation.unwrap(line)
            if not (line['redelivered'] and message['message_id'] in ids):
                ids.add(message['message_id'])
                yield {**line, 'message': message}

    def observations(self) -> Iterator[deployment.Message]:
        return map(observation.observe, self.arrived())

    def account(self) -> truth.Account:
        return truth.compare(self.eye.changes(), self.observations())
