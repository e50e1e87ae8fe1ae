# SPDX-License-Identifier: Apache-2.0
"""The tables of the outbox on databases that are servers."""

import sqlalchemy as sa

from ironic_async_events.tests.functional import base
from ironic_async_events.tests.samples import interrupted
from laboratory import errors
from laboratory import service


class OnMariaDB(interrupted.Interrupted, base.FunctionalTestCase):
    """Each command is killed after each of its statements.

    MariaDB cannot roll a new table back.
    """

    server = staticmethod(base.mariadb)

    def engine(self) -> sa.Engine:
        engine = sa.create_engine(base.new_database(self.server))
        self.addCleanup(engine.dispose)
        return engine

    def test_the_command_creates_and_drops_them(self) -> None:
        ironic = service.Ironic(
            self.useFixture(base.Directory()).path,
            plugin=True,
            database=base.new_database(self.server),
        )
        ironic.create_schema()
        engine = sa.create_engine(ironic.database)
        self.addCleanup(engine.dispose)
        before = interrupted.shape(engine)

        def dbsync(*arguments: str) -> str:
            log = ironic.log('ironic-async-events-dbsync')
            log.unlink(missing_ok=True)
            return ironic.run_once('ironic-async-events-dbsync', *arguments)

        self.assertIn('no tables', dbsync('current'))
        for _ in range(2):
            self.assertIn('are at', dbsync('upgrade'))
            self.assert_whole_beside(engine, before)
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    'INSERT INTO async_events_outbox (message_id, subject, '
                    "body, stored_at, attempts) VALUES ('m', 's', '{}', 1, 0)"
                )
            )
        error = self.assertRaises(errors.LaboratoryError, dbsync, 'drop')
        self.assertIn('--force', str(error))
        self.assertIn('were dropped', dbsync('drop', '--force'))
        self.assertEqual(before, interrupted.shape(engine))

    def assert_whole_beside(
        self, engine: sa.Engine, others: dict[str, object]
    ) -> None:
        """Assert that the tables are whole, and others as they were."""
        outbox = self.engine()
        interrupted.schema.upgrade(outbox)
        self.assertEqual(
            others | interrupted.shape(outbox), interrupted.shape(engine)
        )


class OnPostgreSQL(OnMariaDB):
    """PostgreSQL does roll a new table back."""

    server = staticmethod(base.postgresql)
