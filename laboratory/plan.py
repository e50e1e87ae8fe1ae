# SPDX-License-Identifier: Apache-2.0
"""What is to be started and done in one run."""

from collections.abc import Sequence
import dataclasses

from laboratory import configuration
from laboratory import lifecycle


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What to do in one run; a value.

    :param plugin: with the plugin, or stock.
    :param mariadb: on MariaDB, or on SQLite.
    :param rabbitmq: with RabbitMQ, or recorded without a broker.
    :param split: ``ironic-conductor`` and ``ironic-api``, or all in one.
    :param clients: how many clients at once.
    :param cycles: how many lives each client leads, one after the other.
    :param operations: the life.
    :param options: more options for ``ironic.conf``.
    :param command: what to run instead of the all-in-one command.
    """

    plugin: bool
    mariadb: bool = False
    rabbitmq: bool = False
    split: bool = False
    clients: int = 8
    cycles: int = 1
    operations: Sequence[lifecycle.Operation] = dataclasses.field(
        default_factory=lifecycle.here
    )
    options: configuration.Options = dataclasses.field(default_factory=dict)
    command: Sequence[str] = ()

    def __str__(self) -> str:
        return ', '.join(
            (
                'with the plugin' if self.plugin else 'stock',
                'MariaDB' if self.mariadb else 'SQLite',
                'RabbitMQ' if self.rabbitmq else 'no broker',
            )
        )

    @property
    def total(self) -> int:
        """How many operations it will do."""
        return self.clients * self.cycles * len(self.operations)
