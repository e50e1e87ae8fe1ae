# SPDX-License-Identifier: Apache-2.0
"""A lock that costs fewer statements is the lock of Ironic."""

from unittest import mock
import uuid

import ddt
from ironic import objects
from ironic.common import exception
from ironic.conductor import manager  # noqa: F401  # what is patched
from ironic.conductor import task_manager
from ironic.db.sqlalchemy import api
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
from oslo_utils import timeutils
import sqlalchemy as sa

from ironic_async_events.patching import known
from ironic_async_events.repairs import reserving
from ironic_async_events.repairs import statements
from ironic_async_events.tests.unit import fixtures as async_fixtures
from laboratory import saved

NOBODY = str(uuid.uuid4())


@ddt.ddt
class ReservingTestCase(db_base.DbTestCase):
    """Every call is made of stock Ironic, and then with the plugin."""

    def setUp(self):
        super().setUp()
        self.node = obj_utils.create_test_node(
            self.context, driver_internal_info={'a': {'b': [1]}}
        )
        objects.TraitList.create(self.context, self.node.id, ['CUSTOM_A'])
        self.other = obj_utils.create_test_node(
            self.context, uuid=str(uuid.uuid4()), reservation='another'
        )
        self.statements = []
        engine = api.enginefacade.writer.get_engine()
        sa.event.listen(engine, 'before_cursor_execute', self._note)
        self.addCleanup(
            sa.event.remove, engine, 'before_cursor_execute', self._note
        )
        patcher = mock.patch.object(
            timeutils, 'utcnow', autospec=True, return_value=saved.NOW
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def _note(self, conn, cursor, statement, *args):
        if not statement.startswith(('BEGIN', 'PRAGMA')):
            self.statements.append(statement.split()[0])

    def outcome(self, function):
        """Return what a call answers, and what is in the database then."""
        try:
            node = function()
            answer = node and {
                **node.as_dict(),
                'changes': node.obj_get_changes(),
            }
        except exception.IronicException as e:
            answer = (type(e), str(e))
        rows = [
            objects.Node.get_by_id(self.context, node.id).as_dict()
            for node in (self.node, self.other)
        ]
        return answer, rows

    def assert_equal(self, function, *, locked_by=None):
        """Call twice, from the same state of the database."""
        outcomes = []
        for install in (False, True):
            if install:
                self.useFixture(async_fixtures.Plugin())
            with api._session_for_write() as session:
                session.execute(
                    sa.text('UPDATE nodes SET reservation=:h WHERE id=:i'),
                    {'h': locked_by, 'i': self.node.id},
                )
            outcomes.append(self.outcome(function))
        self.assertEqual(*outcomes)
        return outcomes[1][0]

    def reserve(self, node_id):
        return lambda: objects.Node.reserve(self.context, 'host', node_id)

    def release(self, node_id):
        return lambda: objects.Node.release(self.context, 'host', node_id)

    @ddt.data('id', 'uuid')
    def test_a_node_that_is_free(self, name):
        node = self.assert_equal(self.reserve(getattr(self.node, name)))
        self.assertEqual('host', node['reservation'])

    def test_a_node_without_traits(self):
        objects.TraitList.destroy(self.context, self.node.id)
        self.assert_equal(self.reserve(self.node.id))

    def test_a_node_that_another_conductor_has(self):
        kind, _ = self.assert_equal(self.reserve(self.other.uuid))
        self.assertIs(exception.NodeLocked, kind)

    def test_a_node_that_this_conductor_has(self):
        kind, _ = self.assert_equal(
            self.reserve(self.node.uuid), locked_by='host'
        )
        self.assertIs(exception.NodeLocked, kind)

    @ddt.data(NOBODY, 4711)
    def test_a_node_that_is_not_there(self, node_id):
        kind, _ = self.assert_equal(self.reserve(node_id))
        self.assertIs(exception.NodeNotFound, kind)
        kind, _ = self.assert_equal(self.release(node_id))
        self.assertIs(exception.NodeNotFound, kind)

    def test_what_is_no_node(self):
        kind, _ = self.assert_equal(self.reserve('a-name'))
        self.assertIs(exception.InvalidIdentity, kind)
        kind, _ = self.assert_equal(self.release('a-name'))
        self.assertIs(exception.InvalidIdentity, kind)

    @ddt.data('id', 'uuid')
    def test_a_lock_is_released(self, name):
        self.assertIsNone(
            self.assert_equal(
                self.release(getattr(self.node, name)), locked_by='host'
            )
        )

    def test_nobody_has_the_lock(self):
        kind, _ = self.assert_equal(self.release(self.node.id))
        self.assertIs(exception.NodeNotLocked, kind)

    def test_another_has_the_lock(self):
        kind, _ = self.assert_equal(self.release(self.other.id))
        self.assertIs(exception.NodeLocked, kind)

    def test_the_statements(self):
        self.useFixture(async_fixtures.Plugin())
        objects.Node.reserve(self.context, 'host', self.node.id)
        # The node has a trait.
        self.assertEqual(['UPDATE', 'SELECT', 'SELECT'], self.statements)
        objects.TraitList.destroy(self.context, self.node.id)
        del self.statements[:]
        objects.Node.release(self.context, 'host', self.node.id)
        self.assertEqual(['UPDATE'], self.statements)
        del self.statements[:]
        objects.Node.reserve(self.context, 'host', self.node.id)
        self.assertEqual(['UPDATE', 'SELECT'], self.statements)

    @ddt.data(
        ({}, 'uuid', 1),
        ({}, 'id', 4),
        ({'shared': True}, 'uuid', 3),
    )
    @ddt.unpack
    def test_a_task_reads_its_node_once(self, how, name, expected):
        objects.TraitList.destroy(self.context, self.node.id)
        self.useFixture(async_fixtures.Plugin())
        del self.statements[:]
        with task_manager.TaskManager(
            self.context, getattr(self.node, name), load_driver=False, **how
        ) as task:
            self.assertEqual(expected, self.statements.count('SELECT'))
            self.assertEqual(self.node.uuid, task.node.uuid)
        self.assertEqual(
            self.node.id, objects.Node.get(self.context, self.node.uuid).id
        )

    @ddt.data({}, {'shared': True})
    def test_a_task_without_a_node(self, how):
        self.useFixture(async_fixtures.Plugin())
        self.assertRaises(
            exception.NodeNotFound,
            task_manager.TaskManager,
            self.context,
            NOBODY,
            **how,
        )

    def test_a_lock_is_told_though_sqlite_is_busy(self):
        self.useFixture(async_fixtures.Plugin())
        locked = sa.exc.OperationalError('', {}, Exception('is locked'))
        with mock.patch.object(
            statements, '_reserve_node', autospec=True, side_effect=locked
        ):
            self.assertRaises(
                exception.NodeLocked, self.reserve(self.other.uuid)
            )
            self.assertRaises(
                sa.exc.OperationalError, self.reserve(self.node.uuid)
            )

    def test_what_is_not_known_is_done_by_ironic(self):
        with mock.patch.object(
            reserving.FUNCTIONS, 'are_known', autospec=True
        ) as are_known:
            are_known.return_value = False
            self.assert_equal(self.reserve(self.node.id))
        self.assertGreater(self.statements.count('SELECT'), 8)

    @ddt.data(reserving.reserving, reserving.releasing)
    def test_another_method_is_left_alone(self, wrap):
        method = classmethod(self.assert_equal)
        with mock.patch.object(known.LOG, 'warning', autospec=True) as warn:
            self.assertIs(method, wrap(method))
        warn.assert_called_once()
