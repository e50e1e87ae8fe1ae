# SPDX-License-Identifier: Apache-2.0
"""A state that is saved by one UPDATE is saved as by Node.save()."""

import datetime
import threading
from unittest import mock

from oslo_utils import fixture as time_fixture
from oslo_utils import uuidutils
import sqlalchemy as sa

from ironic.common import exception
from ironic.common import state_machine
from ironic.common import states
from ironic.conductor.transitions import saving
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
from ironic import objects
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils

NODES = models.NodeBase.__table__
# What may change together with a state, and is saved by the same UPDATE.
PLAIN = (
    {},
    {'last_error': 'no luck', 'fault': 'clean failure'},
    {'driver_internal_info': {'agent_url': 'url', 'steps': (1, 2)}},
    {'instance_info': {1: 'a number as a key'}, 'extra': {}},
    {'target_provision_state': states.AVAILABLE, 'maintenance': True},
)
# And what is saved as before.
OTHERS = (
    {'last_error': 'e' * 10000},
    {'name': 'another-name'},
    {'instance_uuid': 'd0a5c4e0-3a43-4a51-a4cb-6a1a7f5a0b6e'},
)


def transitions():
    """Return every pair of states that an event connects."""
    machine = state_machine.machine
    return sorted({
        (state, jump.name)
        for state in machine.states
        for jump in machine._transitions[state].values()})


class SavingTestCase(db_base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.clock = self.useFixture(time_fixture.TimeFixture(
            datetime.datetime(2026, 1, 2, 3, 4, 5, 678)))
        self.uuid = uuidutils.generate_uuid()
        self.statements = []
        self.thread = threading.get_ident()
        engine = api.enginefacade.writer.get_engine()
        sa.event.listen(engine, 'before_cursor_execute', self._note)
        self.addCleanup(sa.event.remove, engine, 'before_cursor_execute',
                        self._note)

    def _note(self, conn, cursor, statement, *args):
        # What another test has left behind may still run.
        if threading.get_ident() == self.thread:
            self.statements.append(statement)

    def _node(self, before, after, changes):
        obj_utils.create_test_node(
            self.context, id=4711, uuid=self.uuid, provision_state=before,
            inspection_started_at=datetime.datetime(2025, 1, 1))
        node = objects.Node.get_by_uuid(self.context, self.uuid)
        for name, value in changes.items():
            setattr(node, name, value)
        node.provision_state = after
        self.clock.advance_time_seconds(60)
        return node

    def _saved(self, save, before, after, changes):
        """Return the row and the object after a save."""
        node = self._node(before, after, changes)
        del self.statements[:]
        save(node)
        statements = self.statements[:]
        with api._session_for_read() as session:
            row = dict(session.execute(
                sa.select(NODES).where(NODES.c.id == node.id)
            ).mappings().one())
        found = node.as_dict()
        changed = node.obj_what_changed()
        self.dbapi.destroy_node(node.id)
        self.clock.advance_time_seconds(-60)
        return statements, (row, found, changed)

    def test_row_and_object_are_those_of_save(self):
        for before, after in transitions():
            for changes in PLAIN + OTHERS:
                statements, found = self._saved(
                    lambda node: saving.save(node, before),
                    before, after, changes)
                _, expected = self._saved(
                    lambda node: node.save(), before, after, changes)
                self.assertEqual(expected, found, (before, after, changes))
                self.assertEqual(changes in PLAIN, len(statements) <= 2,
                                 (before, after, changes, statements))

    def test_a_node_that_is_gone(self):
        node = self._node(states.CLEANING, states.AVAILABLE, {})
        self.dbapi.destroy_node(node.id)
        self.assertRaises(exception.NodeNotFound,
                          saving.save, node, states.CLEANING)

    def test_a_pinned_release_is_saved_as_before(self):
        node = self._node(states.CLEANING, states.AVAILABLE, {})
        with mock.patch.object(node, 'get_target_version', autospec=True,
                               return_value='1.30'):
            self.assertFalse(saving.is_plain(node))

    def test_traits_that_have_changed_are_saved_as_before(self):
        node = self._node(states.CLEANING, states.AVAILABLE, {})
        self.assertTrue(saving.is_plain(node))
        node.traits = objects.TraitList.create(
            self.context, node.id, ['CUSTOM_A'])
        self.assertFalse(saving.is_plain(node))
