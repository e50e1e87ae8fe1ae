# SPDX-License-Identifier: Apache-2.0
"""What the functional tests share."""

import contextlib
import logging
import pathlib
import shutil
import tempfile

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

    def start(self, wanted: run.Run) -> bench.Bench:
        """Start services for this test alone.

        :param wanted: what to start.
        :returns: what runs, until the test ends.
        """
        fixture = self.useFixture(Service(wanted))

        def attach_logs(exc_info: object) -> None:
            for name in fixture.logs:
                log = fixture.bench.ironic.log(name)
                self.addDetail(
                    log.name, content.text_content(processes.tail(log, 60))
                )

        self.addOnException(attach_logs)
        return fixture.bench

    def measure(self, wanted: run.Run) -> run.Result:
        """Do one whole run on services of its own.

        :param wanted: what to do.
        :returns: what came of it; Ironic is stopped by then.
        """
        result = run.measure(self.start(wanted), wanted)
        self.addDetail('figures', content.json_content(dict(result.as_dict())))
        return result
