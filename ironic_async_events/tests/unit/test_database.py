# SPDX-License-Identifier: Apache-2.0
"""What is retried, and what a server of a Galera cluster is told first."""

from unittest import mock

from ironic.conf import CONF
from ironic.db.sqlalchemy import api
from ironic.tests.unit.db import base as db_base
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa

from ironic_async_events.repairs import saving
from ironic_async_events.repairs import statements as lock_statements
from ironic_async_events.task import database
from ironic_async_events.tests.unit import fixtures as async_fixtures


class RetriedTestCase(db_base.DbTestCase):
    def setUp(self):
        super().setUp()
        patcher = mock.patch('tenacity.nap.time', autospec=True)
        self.pause = patcher.start().sleep
        self.addCleanup(patcher.stop)

    def test_what_passes_is_retried(self):
        function = mock.Mock(
            spec=[], side_effect=[db_exc.DBConnectionError(), 7]
        )
        self.assertEqual(7, database.retry_until_answered(function))

    def test_what_no_retry_mends_is_not(self):
        for error in (
            db_exc.DBDataError(),
            db_exc.DBNonExistentTable('x'),
            sa.exc.ArgumentError(),
        ):
            function = mock.Mock(spec=[], side_effect=error)
            self.assertRaises(
                type(error), database.retry_until_answered, function
            )
            function.assert_called_once_with()

    def test_a_transaction_of_the_caller_is_not_repeated_in_part(self):
        self.useFixture(async_fixtures.Conflicts())
        function = mock.Mock(spec=[], side_effect=db_exc.DBDeadlock)

        def whole():
            with database.transaction():
                database.retried(function)()

        self.assertRaises(db_exc.DBDeadlock, whole)
        function.assert_called_once_with()

    def test_every_statement_of_a_lock_survives_a_conflict(self):
        node = self._node()
        self.useFixture(async_fixtures.Conflicts(2))
        lock_statements.reserve_node('host', node.id, dict)
        self.useFixture(async_fixtures.Conflicts(2))
        lock_statements.release_node('host', node.id)
        self.useFixture(async_fixtures.Conflicts(2))
        saving.update_node(node.id, {'description': 'changed'}, {}, False)
        # The first retry follows at once.
        self.assertEqual(3, self.pause.call_count)

    def _node(self):
        from ironic.tests.unit.db import utils

        return utils.create_test_node()


class SyncWaitTestCase(db_base.DbTestCase):
    """SQLite gets the statements that a server of a cluster would get."""

    def setUp(self):
        super().setUp()
        self.statements = []
        self.engine = enginefacade.writer.get_engine()
        sa.event.listen(
            self.engine, 'before_cursor_execute', self._note, retval=True
        )
        self.addCleanup(
            sa.event.remove, self.engine, 'before_cursor_execute', self._note
        )
        self.sync_wait = '0'

    def _note(self, conn, cursor, statement, parameters, *args):
        if not statement.startswith(('BEGIN', 'PRAGMA')):
            self.statements.append(statement)
        if statement.startswith('SHOW'):
            statement = f"SELECT 'wsrep_sync_wait', '{self.sync_wait}'"
        elif statement.startswith('SET'):
            statement = 'SELECT 2'
        return statement, parameters

    def test_a_transaction_begins_with_a_read_where_reads_wait(self):
        CONF.set_override('mysql_wsrep_sync_wait', 1, 'database')
        with database.transaction(), database.transaction():
            pass
        self.assertEqual(['SELECT 1'], self.statements)

    def test_elsewhere_it_does_not(self):
        with database.transaction():
            pass
        self.assertEqual([], self.statements)

    def _read(self):
        with database.causal(), api._session_for_read() as session:
            session.execute(sa.text('SELECT 3'))
        return self.statements

    def test_a_read_that_decides_waits_for_what_others_committed(self):
        with mock.patch.object(self.engine.dialect, 'name', 'mysql'):
            self._read()
        self.assertEqual(
            [
                "SHOW SESSION VARIABLES LIKE 'wsrep_sync_wait'",
                'SET SESSION wsrep_sync_wait = 1',
                'SELECT 3',
                'SET SESSION wsrep_sync_wait = 0',
            ],
            self.statements,
        )

    def test_it_waits_already_where_that_is_configured(self):
        self.sync_wait = '7'
        with mock.patch.object(self.engine.dialect, 'name', 'mysql'):
            self._read()
        self.assertEqual(2, len(self.statements))

    def test_no_other_database_is_asked(self):
        self.assertEqual(['SELECT 3'], self._read())
