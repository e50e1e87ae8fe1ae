# SPDX-License-Identifier: Apache-2.0
"""What the functional tests share."""

import contextlib
import logging
import pathlib
import shutil
import tempfile
from typing import ClassVar

import fixtures
from oslotest import base
from testtools import content

from laboratory import prepared_bench as bench
from laboratory import processes
from laboratory import run

CLIENTS = 8


class Directory(fixtures.Fixture):
    """A directory with a short path, as sockets need it."""

    path: pathlib.Path

    def _setUp(self) -> None:
        self.path = pathlib.Path(tempfile.mkdtemp(prefix='lab-'))
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)


class Service(fixtures.Fixture):
    """A running Ironic with everything that watches it.

    :param wanted: what to start.
    """

    def __init__(self, wanted: run.Run) -> None:
        super().__init__()
        self.wanted = wanted
        self.bench: bench.Bench

    def _setUp(self) -> None:
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.bench = stack.enter_context(bench.started(self.wanted))

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

    def attach_logs(self, service: Service) -> None:
        """Show the ends of a service's logs, should the test fail."""
        for name in service.logs:
            log = service.bench.ironic.log(name)
            self.addDetail(
                log.name, content.text_content(processes.tail(log, 60))
            )

    def start(self, wanted: run.Run) -> bench.Bench:
        """Start services for this test alone.

        :param wanted: what to start.
        :returns: what runs, until the test ends.
        """
        fixture = self.useFixture(Service(wanted))
        self.addOnException(lambda _exc_info: self.attach_logs(fixture))
        return fixture.bench


class SharedTestCase(FunctionalTestCase):
    """Tests that use one service; each has nodes of its own there."""

    wanted: ClassVar[run.Run]
    service: ClassVar[Service]
    running: ClassVar[bench.Bench]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.service = Service(cls.wanted)
        cls.service.setUp()
        cls.addClassCleanup(cls.service.cleanUp)
        cls.running = cls.service.bench

    def setUp(self) -> None:
        super().setUp()
        self.addOnException(lambda _exc_info: self.attach_logs(self.service))


class MeasuredTestCase(SharedTestCase):
    """Tests that look at one run; its service is stopped by then."""

    master: ClassVar[int]
    result: ClassVar[run.Result]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.master = cls.running.ironic.running[0].pid
        cls.result = run.measure(cls.running, cls.wanted)

    def setUp(self) -> None:
        super().setUp()
        self.addDetail(
            'figures', content.json_content(dict(self.result.as_dict()))
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
