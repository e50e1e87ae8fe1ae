# SPDX-License-Identifier: Apache-2.0
"""The tables of the outbox on a real MariaDB, which cannot roll them back."""

import sqlalchemy as sa

from ironic_async_events.tests.functional import base
from laboratory import interrupted


class InterruptedTestCase(interrupted.Interrupted, base.FunctionalTestCase):
    """Each command is killed after each of its statements."""

    def engine(self) -> sa.Engine:
        engine = sa.create_engine(base.new_database())
        self.addCleanup(engine.dispose)
        return engine
