# SPDX-License-Identifier: Apache-2.0
"""A fault comes out as oslo.db makes it of a real one."""

from typing import Any

from ironic import objects
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa

from ironic_async_events.tests.unit.spawn_failures import base
from laboratory.faults import database
from laboratory.faults import edges
from laboratory.faults import kinds
from laboratory.faults import schedule

KINDS = {kind.name: kind for kind in kinds.KINDS}
HOST = 'a-host'


class FaultTestCase(db_base.DbTestCase):
    """A node is reserved; a statement of that fails."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(base.FileDatabase())
        self.plan = schedule.Schedule()
        self.server = database.Server(self.plan)
        self.node = obj_utils.create_test_node(self.context)
        self.useFixture(
            database.Connections(self.server, enginefacade.writer.get_engine())
        )
        self.useFixture(edges.Edges(self.plan))
        self.server.begin(None)
        self.reserve()
        made = self.server.made
        self.server.end()
        objects.Node.release(self.context, HOST, self.node.id)
        self.write, self.commit = (
            [each.does for each in made].index(does)
            for does in (kinds.Statement.WRITE, kinds.Statement.COMMIT)
        )

    def reserve(self) -> None:
        """Make the statements that count."""
        objects.Node.reserve(self.context, HOST, self.node.id)

    def fail(self, at: int, kind: str) -> BaseException | None:
        """Reserve the node while a statement fails.

        :param at: number of the statement
        :param kind: name of the fault
        :returns: what comes out of it
        """
        self.server.begin(database.Fault(at, KINDS[kind]))
        error: BaseException | None = None
        try:
            self.reserve()
        except Exception as e:
            error = e
        self.server.fault = None
        return error

    def holder(self) -> Any:
        """Return who has reserved the node."""
        return objects.Node.get_by_id(self.context, self.node.id).reservation

    def test_before(self) -> None:
        for at in (0, self.write, self.commit):
            self.assertIsInstance(
                self.fail(at, 'before'), db_exc.DBConnectionError
            )
            self.assertIsNone(self.holder())

    def test_another_error_is_left_to_sqlalchemy(self) -> None:
        for at in (self.write, self.commit):
            self.assertIs(
                sa.exc.OperationalError, type(self.fail(at, 'other'))
            )
            self.assertIsNone(self.holder())

    def test_the_answer_to_a_write_is_lost_with_its_transaction(self) -> None:
        self.assertIsInstance(
            self.fail(self.write, 'lost'), db_exc.DBConnectionError
        )
        self.assertIsNone(self.holder())

    def test_the_answer_to_a_commit_is_lost(self) -> None:
        self.assertIsInstance(
            self.fail(self.commit, 'lost'), db_exc.DBConnectionError
        )
        self.assertEqual(HOST, self.holder())

    def test_ironic_repeats_what_was_a_deadlock(self) -> None:
        for at in (self.write, self.commit):
            self.assertIsNone(self.fail(at, 'deadlock'))
            self.assertEqual(HOST, self.holder())
            objects.Node.release(self.context, HOST, self.node.id)

    def test_nothing_answers_while_the_database_is_away(self) -> None:
        self.fail(self.commit, 'away-3')
        for seconds in (0.0, 2.9):
            self.plan.sleep(seconds)
            self.assertRaises(db_exc.DBConnectionError, self.holder)
        self.plan.sleep(0.2)
        self.assertIsNone(self.holder())
