# SPDX-License-Identifier: Apache-2.0
"""How much is measured: the short form and the long one."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

from laboratory import lifecycle


@dataclasses.dataclass(frozen=True, slots=True)
class Backend:
    """What Ironic runs on.

    :param name: for tables.
    :param database: ``mariadb`` or ``postgresql``, with conductor and API in
        two processes; or empty, for SQLite with both in one.
    :param rabbitmq: with RabbitMQ, or recorded without a broker.
    """

    name: str
    database: str
    rabbitmq: bool


MARIADB = Backend('MariaDB, RabbitMQ', 'mariadb', rabbitmq=True)
POSTGRESQL = Backend('PostgreSQL, RabbitMQ', 'postgresql', rabbitmq=True)
SQLITE = Backend('SQLite, no broker', '', rabbitmq=False)

LIFE = lifecycle.LIFE[:3]
"""The operations of a life under load."""


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """How much of everything; a value.

    A round is always the same work, so that rounds can be compared.

    :param name: for the report.
    :param rounds: how many, in turns, for each figure that has a spread.
    :param clients: backend -> how many clients at once -> how many lives
        each leads.
    :param growth_nodes: how many nodes are in the database.
    :param growth_rounds: how many rounds with each of these.
    :param starts: how often each service is started.
    :param churn: operations after which memory is compared.
    :param running: how many operations run when memory is looked at.
    :param running_rounds: how often, each time in services that are new.
    :param trouble_rounds: how many rounds with a broker in trouble.
    :param asked: requests for each state of the broker and round.
    :param down_seconds: how long to wait for an answer while it is down.
    :param locks: how many locks make up a round.
    :param spawns: how many operations without a driver make up a round.
    """

    name: str
    rounds: int
    clients: Mapping[Backend, Mapping[int, int]]
    growth_nodes: Sequence[int]
    growth_rounds: int
    starts: int
    churn: int
    running: int
    running_rounds: int
    trouble_rounds: int
    asked: int
    down_seconds: float
    locks: int
    spawns: int


LONG = Form(
    name='long',
    rounds=5,
    clients={
        backend: {1: 10, 8: 4, 32: 2}
        for backend in (MARIADB, POSTGRESQL, SQLITE)
    },
    growth_nodes=(10, 100, 1000, 10000),
    growth_rounds=5,
    starts=15,
    churn=10000,
    running=100,
    running_rounds=3,
    trouble_rounds=5,
    asked=5,
    down_seconds=5.0,
    locks=100,
    spawns=500,
)
SHORT = dataclasses.replace(
    LONG,
    name='short',
    clients={MARIADB: {1: 10, 8: 4, 32: 2}, SQLITE: {1: 10, 8: 4}},
    growth_nodes=(10, 1000),
    growth_rounds=1,
    starts=5,
    churn=500,
    running=50,
    running_rounds=1,
    trouble_rounds=2,
    asked=3,
    down_seconds=3.0,
    locks=30,
    spawns=50,
)
