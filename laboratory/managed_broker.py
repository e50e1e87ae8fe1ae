# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ with its management interface."""

import pathlib

import requests

from laboratory import broker
from laboratory import processes

_SECONDS = 60.0


class ManagedRabbitMQ(broker.RabbitMQ):
    """A message broker with the plugin ``rabbitmq_management``."""

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory)
        self.management_port = processes.free_port()

    @property
    def management_url(self) -> str:
        """Where the management interface is, with user and password."""
        return f'http://guest:guest@127.0.0.1:{self.management_port}'

    def serve(self) -> None:
        """Start the broker, and wait until its interface answers."""
        (self.directory / 'enabled_plugins').write_text(
            '[rabbitmq_management].\n'
        )
        (self.directory / 'managed.conf').write_text(
            f'management.tcp.port = {self.management_port}\n'
            'management.tcp.ip = 127.0.0.1\n'
        )
        super().serve()
        self.running[-1].require(self._manages, _SECONDS, 'be managed')

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            'RABBITMQ_CONFIG_FILE': f'{self.directory}/managed'
        }

    def _manages(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.get(
                    f'{self.management_url}/api/overview', timeout=10
                ).ok
            except requests.ConnectionError:
                return False
