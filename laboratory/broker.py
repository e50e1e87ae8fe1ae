# SPDX-License-Identifier: Apache-2.0
"""A private RabbitMQ on loopback, with an epmd of its own.

pifpaf would start one as well, but with the machine's common epmd, which it
leaves running, on a fixed port, with the port for clustering open to the
network.
"""

from collections.abc import Sequence
import json
import pathlib

import amqp
import kombu

from laboratory import api
from laboratory import database
from laboratory import processes

_BOUNDED = {
    'name': 'bounded',
    'pattern': '^ironic_versioned_notifications',
    'definition': {'max-length': 100},
}


class RabbitMQ(processes.Server):
    """A message broker that can stand beside another; a context manager."""

    def __init__(
        self,
        directory: pathlib.Path,
        beside: 'RabbitMQ | None' = None,
        managed: bool = False,
    ) -> None:
        super().__init__(directory)
        self.port = processes.free_port()
        self._beside = beside
        self._home = str((beside or self).directory)
        self._epmd_port: int = (
            beside._epmd_port if beside else processes.free_port()
        )
        self._dist_port = processes.free_port()
        self._management_port = processes.free_port() if managed else 0

    @property
    def url(self) -> str:
        """What Ironic connects to."""
        return f'rabbit://guest:guest@127.0.0.1:{self.port}/'

    @property
    def amqp_url(self) -> str:
        """What kombu connects to."""
        return f'amqp://guest:guest@127.0.0.1:{self.port}//'

    @property
    def management_url(self) -> str:
        """Where the management interface is, with user and password."""
        return f'http://guest:guest@127.0.0.1:{self._management_port}'

    @property
    def name(self) -> str:
        return f'{self.directory.name}@localhost'

    def add_hosts(self, names: Sequence[str]) -> None:
        """Add virtual hosts, each of which is a broker of its own.

        Nobody may read what is published there: what a queue of Ironic's
        holds is bounded. A name follows the last slash of :attr:`url`, or
        replaces that of :attr:`amqp_url`.
        """
        may = dict.fromkeys(('configure', 'write', 'read'), '.*')
        definitions = {
            'vhosts': [{'name': name} for name in names],
            'permissions': [
                {'user': 'guest', 'vhost': name, **may} for name in names
            ],
            'policies': [{'vhost': name, **_BOUNDED} for name in names],
        }
        path = self.directory / 'definitions.json'
        path.write_text(json.dumps(definitions), encoding='utf-8')
        self.control('import_definitions', str(path))

    def serve(self) -> None:
        """Start epmd, then the broker, and wait until it lets clients in."""
        if not (self._beside or self.running):
            process = self._prepared('epmd', '-address', '127.0.0.1')
            self.running.append(process.start())
        if self._management_port:
            (self.directory / 'enabled_plugins').write_text(
                '[rabbitmq_management].\n'
            )
            (self.directory / 'own.conf').write_text(
                f'management.tcp.port = {self._management_port}\n'
                'management.tcp.ip = 127.0.0.1\n'
            )
        process = self._prepared('rabbitmq-server')
        self.launch(process, self._answers, 'let a client in')

    def control(self, *arguments: str) -> str:
        program = self._prepared('rabbitmqctl', '-q', *arguments)
        return processes.run_once(program)

    def _prepared(self, name: str, *arguments: str) -> processes.Process:
        # The script in /usr/sbin changes to the user rabbitmq; this does not.
        scripts, home = '/usr/lib/rabbitmq/bin', str(self.directory)
        path = database.program(name, 'rabbitmq-server', scripts)
        environment = {
            'HOME': self._home,
            'ERL_EPMD_PORT': str(self._epmd_port),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODENAME': self.name,
            'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODE_PORT': str(self.port),
            'RABBITMQ_DIST_PORT': str(self._dist_port),
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': (
                '-kernel inet_dist_use_interface {127,0,0,1}'
            ),
            'RABBITMQ_MNESIA_BASE': home,
            'RABBITMQ_LOG_BASE': home,
            'RABBITMQ_PID_FILE': f'{home}/rabbitmq.pid',
            # Files of the machine's own broker, which must not be read.
            'RABBITMQ_CONF_ENV_FILE': f'{home}/none.conf',
            'RABBITMQ_CONFIG_FILE': f'{home}/own',
            'RABBITMQ_ADVANCED_CONFIG_FILE': f'{home}/none.config',
            'RABBITMQ_ENABLED_PLUGINS_FILE': f'{home}/enabled_plugins',
        }
        return self.process(name, path, *arguments, environment=environment)

    def _answers(self) -> bool:
        try:
            with kombu.Connection(self.amqp_url, connect_timeout=2) as client:
                client.connect()
        except (OSError, amqp.AMQPError):
            return False
        return not self._management_port or api.answers(
            f'{self.management_url}/api/overview'
        )
