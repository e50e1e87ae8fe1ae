# SPDX-License-Identifier: Apache-2.0
"""What the functional tests share."""

import atexit
from collections.abc import Callable
import contextlib
import functools
import itertools
import logging
import pathlib
import shutil
import tempfile
from typing import ClassVar
from typing import TypeVar

import fixtures
from oslotest import base
from testtools import content

from laboratory import broker
from laboratory import database
from laboratory import deployment
from laboratory import processes

CLIENTS = 8
_NUMBERS = itertools.count()
# Not the directory of one test.
_TEMPORARY = tempfile.gettempdir()


class Directory(fixtures.Fixture):
    """A directory with a short path, as sockets need it."""

    path: pathlib.Path

    def _setUp(self) -> None:
        self.path = pathlib.Path(tempfile.mkdtemp(prefix='lab-'))
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)


Server = TypeVar(
    'Server', database.MariaDB, database.PostgreSQL, broker.RabbitMQ
)


def _started(kind: type[Server]) -> Server:
    """Start a server that ends with this process."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix='lab-', dir=_TEMPORARY))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    server = kind(directory).start()
    atexit.register(server.stop)
    return server


@functools.cache
def mariadb() -> database.MariaDB:
    """Return the MariaDB of this process; each test has its own database."""
    return _started(database.MariaDB)


@functools.cache
def postgresql() -> database.PostgreSQL:
    """Return the PostgreSQL of this process, as :func:`mariadb`."""
    return _started(database.PostgreSQL)


@functools.cache
def rabbitmq() -> broker.RabbitMQ:
    """Return the RabbitMQ of this process; one service at a time uses it."""
    return _started(broker.RabbitMQ)


def new_database(
    server: Callable[[], database.Database] = mariadb,
) -> str:
    """Create an empty database.

    :param server: :func:`mariadb` or :func:`postgresql`.
    :returns: its URL.
    """
    return server().another(f'test_{next(_NUMBERS)}')


class Service(fixtures.Fixture):
    """A running Ironic with everything that watches it.

    :param wanted: what to start.
    :param database: the URL of an empty database; by default, what ``wanted``
        says.
    :param outbox: create the tables of the outbox.
    """

    def __init__(
        self, wanted: deployment.Run, database: str = '', outbox: bool = False
    ) -> None:
        super().__init__()
        self.wanted = wanted
        self.database = database
        self.outbox = outbox
        self.bench: deployment.Bench

    def _setUp(self) -> None:
        wanted = self.wanted
        rabbit = rabbitmq() if wanted.rabbitmq else None
        url = self.database
        if wanted.mariadb and not url:
            url = new_database()
        ironic = wanted.ironic(self.useFixture(Directory()).path, url, rabbit)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.bench = stack.enter_context(
            deployment.watched(
                ironic, rabbit.amqp_url if rabbit else '', self.outbox
            )
        )

    @property
    def logs(self) -> tuple[str, ...]:
        """The logs of which a failed test shows the end."""
        if self.wanted.split:
            return ('ironic-conductor', 'ironic-api')
        return ('ironic',)


class FunctionalTestCase(base.BaseTestCase):
    """Starts real services and drives them through their API."""

    def setUp(self) -> None:
        super().setUp()
        # The capture of logs lets everything through; these say a lot.
        for noisy in ('amqp', 'keystoneauth', 'openstack', 'urllib3'):
            logging.getLogger(noisy).setLevel(logging.WARNING)

    def attach_logs(self, fixture: Service) -> None:
        """Show the ends of a service's logs, should the test fail."""
        for name in fixture.logs:
            log = fixture.bench.ironic.log(name)
            self.addDetail(
                log.name, content.text_content(processes.tail(log, 60))
            )

    def start(self, wanted: deployment.Run) -> deployment.Bench:
        """Start services for this test alone.

        :param wanted: what to start.
        :returns: what runs, until the test ends.
        """
        fixture = self.useFixture(Service(wanted))
        self.addOnException(lambda _exc_info: self.attach_logs(fixture))
        return fixture.bench


class SharedTestCase(FunctionalTestCase):
    """Tests that use one service; each has nodes of its own there."""

    wanted: ClassVar[deployment.Run]
    service: ClassVar[Service]
    running: ClassVar[deployment.Bench]

    @classmethod
    def new_service(cls) -> Service:
        """Prepare the service."""
        return Service(cls.wanted)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.service = cls.new_service()
        cls.service.setUp()
        cls.addClassCleanup(cls.service.cleanUp)
        cls.running = cls.service.bench

    def setUp(self) -> None:
        super().setUp()
        self.addOnException(lambda _exc_info: self.attach_logs(self.service))


class MeasuredTestCase(SharedTestCase):
    """Tests that look at one run; its service is stopped by then."""

    master: ClassVar[int]
    result: ClassVar[deployment.Result]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.master = cls.running.ironic.running[0].pid
        cls.result = deployment.measure(cls.running, cls.wanted)

    def setUp(self) -> None:
        super().setUp()
        self.addDetail(
            'figures', content.json_content(self.result.account.as_dict())
        )

    def assert_clean(self) -> None:
        """Assert that nothing at all is wrong with the run."""
        result, account = self.result, self.result.account
        self.assertEqual(result.run.total, result.operations)
        # Every operation of the life changes the state at least once.
        self.assertGreater(account.expected, result.operations)
        self.assertEqual([], list(account.rows)[:10])
        self.assertEqual(account.expected, account.in_order)
        self.assertEqual(account.expected, account.received)
        self.assertEqual([], result.malformed[:10])
        self.assertEqual([], list(result.get_violations)[:10])
