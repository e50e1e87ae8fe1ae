# SPDX-License-Identifier: Apache-2.0
"""The tables of the outbox on a real MariaDB, which cannot roll them back."""

import itertools

import sqlalchemy as sa

from ironic_async_events.tests.functional import base
from laboratory import database
from laboratory import interrupted


class InterruptedTestCase(interrupted.Interrupted, base.FunctionalTestCase):
    """Each command is killed after each of its statements."""

    def setUp(self) -> None:
        super().setUp()
        server = database.MariaDB(self.useFixture(base.Directory()).path)
        self.server = server.start()
        self.addCleanup(server.stop)
        self.names = (f'outbox_{number}' for number in itertools.count())

    def engine(self) -> sa.Engine:
        engine = sa.create_engine(self.server.another(next(self.names)))
        self.addCleanup(engine.dispose)
        return engine
