# SPDX-License-Identifier: Apache-2.0
"""A fault comes out as oslo.db makes it of a real one."""

from ironic import objects
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa

from ironic_async_events.tests.unit.spawn_failures import base
from laboratory.faults import database
from laboratory.faults import edges
from laboratory.faults import schedule

HOST = 'a-host'


class FaultTestCase(db_base.DbTestCase):
    """A node is reserved; a statement of that fails."""

    def setUp(self):
        super().setUp()
        self.useFixture(base.FileDatabase())
        self.plan = schedule.Schedule()
        self.node = obj_utils.create_test_node(self.context)
        engine = enginefacade.writer.get_engine()
        self.server = self.useFixture(database.Server(self.plan, engine))
        self.useFixture(edges.Edges(self.plan))
        self.server.begin()
        objects.Node.reserve(self.context, HOST, self.node.id)
        does = [made.does for made in self.server.made]
        self.server.end()
        objects.Node.release(self.context, HOST, self.node.id)
        self.write = does.index(database.WRITE)
        self.commit = does.index(database.COMMIT)

    def fail(self, at, kind):
        """Reserve the node while a statement fails; return the error."""
        self.server.begin(at, database.KINDS[kind])
        try:
            objects.Node.reserve(self.context, HOST, self.node.id)
        except Exception as e:
            return e
        finally:
            self.server.end()

    def holder(self):
        return objects.Node.get_by_id(self.context, self.node.id).reservation

    def test_before(self):
        for at in (0, self.write, self.commit):
            error = self.fail(at, 'before')
            self.assertIsInstance(error, db_exc.DBConnectionError)
            self.assertIsNone(self.holder())

    def test_another_error_is_left_to_sqlalchemy(self):
        for at in (self.write, self.commit):
            error = self.fail(at, 'other')
            self.assertIs(sa.exc.OperationalError, type(error))
            self.assertIsNone(self.holder())

    def test_an_answer_is_lost(self):
        # A write is lost with its transaction.
        for at, holder in ((self.write, None), (self.commit, HOST)):
            error = self.fail(at, 'lost')
            self.assertIsInstance(error, db_exc.DBConnectionError)
            self.assertEqual(holder, self.holder())

    def test_ironic_repeats_what_was_a_deadlock(self):
        for at in (self.write, self.commit):
            self.assertIsNone(self.fail(at, 'deadlock'))
            self.assertEqual(HOST, self.holder())
            objects.Node.release(self.context, HOST, self.node.id)

    def test_nothing_answers_while_the_database_is_away(self):
        self.fail(self.commit, 'away-3')
        for seconds in (0.0, 2.9):
            self.plan.sleep(seconds)
            self.assertRaises(db_exc.DBConnectionError, self.holder)
        self.plan.sleep(0.2)
        self.assertIsNone(self.holder())
