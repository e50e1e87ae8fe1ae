# SPDX-License-Identifier: Apache-2.0
"""Three conductors and an API, on three Galera servers."""

from collections.abc import Iterator
import contextlib
import dataclasses
import pathlib
import sys
from typing import Any

from laboratory import broker
from laboratory import cluster
from laboratory import configuration
from laboratory import deployment
from laboratory import processes
from laboratory.galera import servers

_OPTIONS: configuration.Options = {
    'async_events': {'outbox_lease': 5},
    # What is left behind shall be found while we look.
    'conductor': {'check_provision_state_interval': 5},
    # So that operations are under way when something happens.
    'fake': {'deploy_delay': '0,1', 'management_delay': '0,1'},
}
# As Kolla has it.
_BEHIND_HAPROXY = {
    'connection_recycle_time': 10,
    'max_pool_size': 1,
    'max_retries': -1,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """How services reach databases and brokers.

    :param database: ``own``, each conductor a server of its own; ``turn``,
        all of them all servers in turn; ``active``, all of them one server,
        which HAProxy chooses.
    :param sync_wait: ``[database] mysql_wsrep_sync_wait``; None without it.
    :param brokers: one or three.
    """

    database: str
    sync_wait: int | None
    brokers: int = 1

    def __str__(self) -> str:
        return f'{self.database}-{self.sync_wait}-{self.brokers}'


class Brokers(processes.Server):
    """Three brokers that are one; a context manager."""

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory)
        self.nodes: list[broker.RabbitMQ] = []
        for name in ('mq1', 'mq2', 'mq3'):
            path = directory / name
            path.mkdir()
            self.nodes.append(broker.RabbitMQ(path, *self.nodes[:1]))
        hosts = (f'guest:guest@127.0.0.1:{x.port}' for x in self.nodes)
        # What Ironic, and kombu, connect to.
        self.url = f'rabbit://{",".join(hosts)}/'
        self.amqp_url = ';'.join(node.amqp_url for node in self.nodes)

    def serve(self) -> None:
        """Start one after the other; each joins the first."""
        for node in self.nodes:
            node.start()
            if node is not self.nodes[0]:
                node.control('stop_app')
                node.control('join_cluster', self.nodes[0].name)
                node.control('start_app')

    def stop(self) -> None:
        for node in reversed(self.nodes):
            node.stop()


class Place(cluster.Cluster):
    """Everything that runs of one side need; a context manager."""

    _command = (sys.executable, '-m', 'laboratory.galera.conductor')

    def __init__(self, side: str, layout: Layout) -> None:
        self._layout = layout
        self._quorum = layout.brokers > 1
        database: dict[str, object] = {}
        if layout.sync_wait is not None:
            database['mysql_wsrep_sync_wait'] = layout.sync_wait
        if layout.database == 'active':
            database.update(_BEHIND_HAPROXY)
        options = {**_OPTIONS, 'database': database}
        if self._quorum:
            options['oslo_messaging_rabbit'] = {'rabbit_quorum_queue': True}
        super().__init__(3, options, side)

    @contextlib.contextmanager
    def _servers(self) -> Iterator[Any]:
        with contextlib.ExitStack() as stack:
            enter = stack.enter_context
            shared = enter(deployment.servers('', not self._quorum))
            self.brokers = [shared.rabbitmq]
            if self._quorum:
                brokers = enter(Brokers(shared.room('mq')))
                self.brokers = brokers.nodes
                shared = dataclasses.replace(shared, rabbitmq=brokers)
            self.galera = enter(servers.Galera(shared.room('db')))
            self._haproxy = enter(
                servers.HAProxy(shared.room('ha'), self.galera.servers)
            )
            yield shared

    def _url(self, number: int) -> str:
        if self._layout.database == 'own':
            return self.galera.servers[number - 1].url
        return self._haproxy.url(self._layout.database == 'turn')

    def _witnessed(self) -> str:
        # Whoever looks wants to see what was committed anywhere.
        return (
            f'{self.galera.servers[0].url}'
            '?init_command=SET%20SESSION%20wsrep_sync_wait=7'
        )
