# SPDX-License-Identifier: Apache-2.0
"""Nodes that a dead conductor left, while there is no worker for them."""

import datetime
from unittest import mock

import fixtures
import futurist
from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import manager
from ironic.db.sqlalchemy import models
from ironic.tests.unit.conductor import mgr_utils
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
from oslo_utils import timeutils
from oslo_utils import uuidutils
from sqlalchemy import exc as sa_exc

from ironic_async_events.repairs import statements
from ironic_async_events.tests.unit import fixtures as async_fixtures

DEAD = 'dead-host'
LONG_AGO = datetime.datetime(2001, 2, 3, 4, 5, 6)


@mgr_utils.mock_record_keepalive
class OrphansTestCase(mgr_utils.ServiceSetUpMixin, db_base.DbTestCase):
    """The pass of a conductor that has no worker, or gets one later."""

    def setUp(self):
        super().setUp()
        self.useFixture(async_fixtures.Plugin())
        self.log = self.useFixture(fixtures.FakeLogger(level='INFO'))
        # Ironic's migrations disable every logger that is there.
        self.useFixture(
            fixtures.MockPatchObject(manager.LOG.logger, 'disabled', False)
        )
        self._start_service()
        self.service._spawn_worker = mock.Mock(
            side_effect=RuntimeError("can't start new thread")
        )
        objects.Conductor.register(self.context, DEAD, ['fake-hardware'], '')
        self.conductor(online=False)

    def conductor(self, online):
        """Let the other conductor go, or come back."""
        with enginefacade.writer.using(self.context) as session:
            session.query(models.Conductor).filter_by(hostname=DEAD).update(
                {
                    'online': online,
                    'updated_at': datetime.datetime.now()
                    if online
                    else LONG_AGO,
                }
            )

    def orphan(self, **kwargs):
        return obj_utils.create_test_node(
            self.context,
            driver='fake-hardware',
            uuid=uuidutils.generate_uuid(),
            provision_state=states.CLEANING,
            target_provision_state=states.AVAILABLE,
            reservation=DEAD,
            **kwargs,
        )

    def run_pass(self):
        self.service._check_orphan_nodes(self.context)

    def worker(self):
        """From now on there are workers."""
        self.service._spawn_worker = futurist.SynchronousExecutor().submit

    def run_pass_with_error(self, node, error):
        """Let the database fail when a node is reserved for the other."""
        real = statements.mark_reservation

        def mark(node_id, before, host, *args):
            if host == DEAD and node_id == node.id:
                raise error
            return real(node_id, before, host, *args)

        with fixtures.MockPatchObject(statements, 'mark_reservation', mark):
            self.run_pass()

    def before_take_over(self, act):
        """Do something before a node is taken over.

        :param act: called with the UUID of the node
        """
        real = self.service._fail_if_in_state

        def call(context, filters, *args, **kwargs):
            act(filters['uuid'])
            return real(context, filters, *args, **kwargs)

        self.useFixture(
            fixtures.MockPatchObject(self.service, '_fail_if_in_state', call)
        )

    def fail_to_take_over(self, node, error):
        """Raise an error when a node is taken over."""

        def act(uuid):
            if uuid == node.uuid:
                raise error

        self.before_take_over(act)

    def after(self, owner, name, act):
        """Do something right after a call, each time."""
        real = getattr(owner, name)

        def call(*args):
            result = real(*args)
            act(*args)
            return result

        self.useFixture(fixtures.MockPatchObject(owner, name, call))

    def reservation(self, node):
        node.refresh()
        return node.reservation

    def state(self, node):
        node.refresh()
        return node.provision_state

    def test_a_node_without_a_worker_is_found_by_the_next_pass(self):
        node = self.orphan()
        self.run_pass()
        self.assertEqual(DEAD, self.reservation(node))
        self.worker()
        self.run_pass()
        self.assertEqual(states.CLEANFAIL, self.state(node))
        self.assertIsNone(node.reservation)

    def test_a_node_that_fails_holds_up_no_other(self):
        self.worker()
        for error in (
            exception.DriverLoadError(driver='fake', reason='none'),
            db_exc.DBConnectionError(),
        ):
            bad, good = self.orphan(), self.orphan()
            self.fail_to_take_over(bad, error)
            self.run_pass()
            self.assertEqual(DEAD, self.reservation(bad))
            self.assertEqual(states.CLEANFAIL, self.state(good))
            self.assertIn(f'Node {bad.uuid} could not be', self.log.output)

    def test_a_node_is_released_when_its_turn_comes(self):
        self.worker()
        nodes = [self.orphan(), self.orphan()]
        reserved = []
        self.before_take_over(
            lambda uuid: reserved.append(
                [self.reservation(node) for node in nodes]
            )
        )
        self.run_pass()
        self.assertEqual([[None, DEAD], [None, None]], reserved)

    def test_an_error_that_concerns_no_node_ends_the_pass(self):
        self.orphan()
        self.useFixture(
            fixtures.MockPatchObject(
                self.service, 'iter_nodes', side_effect=ValueError
            )
        )
        self.assertRaises(ValueError, self.run_pass)

    def test_a_conductor_that_is_back_gets_no_lock(self):
        node = self.orphan()
        # It comes back as soon as its lock was removed.
        self.after(
            objects.Node,
            'release',
            lambda *args: self.conductor(online=True),
        )
        self.run_pass()
        self.assertIsNone(self.reservation(node))

    def back_after_reserve(self, node_id, before, host, mark):
        if host == DEAD:
            self.conductor(online=True)

    def test_a_conductor_that_comes_back_meanwhile_keeps_no_lock(self):
        node = self.orphan()
        self.after(statements, 'mark_reservation', self.back_after_reserve)
        self.run_pass()
        self.assertIsNone(self.reservation(node))

    def test_a_conductor_that_was_on_its_way_keeps_no_lock(self):
        node = self.orphan()
        self.run_pass()
        # It had removed its locks before, and registers only now.
        self.conductor(online=True)
        self.assertEqual(DEAD, self.reservation(node))
        self.run_pass()
        self.assertIsNone(self.reservation(node))

    def test_a_lock_that_a_conductor_has_taken_itself_is_left_alone(self):
        node = self.orphan()
        self.run_pass()
        self.conductor(online=True)
        with enginefacade.writer.using(self.context) as session:
            session.query(models.Node).filter_by(id=node.id).update(
                {'updated_at': datetime.datetime.now()}
            )
        self.run_pass()
        self.assertEqual(DEAD, self.reservation(node))

    def test_a_lock_of_the_same_second_is_left_alone(self):
        # MySQL and MariaDB store no fraction of a second.
        node = self.orphan(
            provision_updated_at=LONG_AGO.replace(tzinfo=datetime.UTC)
        )
        now = timeutils.utcnow()
        self.useFixture(
            fixtures.MockPatchObject(timeutils, 'utcnow', lambda *args: now)
        )
        self.run_pass()
        # The conductor starts, removes its locks, and takes one.
        self.conductor(online=True)
        objects.Node.release(self.context, DEAD, node.id)
        objects.Node.reserve(self.context, DEAD, node.id)
        self.run_pass()
        self.assertEqual(DEAD, self.reservation(node))

    def test_after_an_error_of_the_database_one_pass_is_enough(self):
        node = self.orphan()
        self.run_pass_with_error(node, db_exc.DBConnectionError())
        self.assertIsNone(self.reservation(node))
        self.worker()
        self.run_pass()
        self.assertEqual(states.CLEANFAIL, self.state(node))

    def test_an_error_of_the_database_drops_no_other_node(self):
        for error in (
            db_exc.DBConnectionError(),
            sa_exc.PendingRollbackError('gone'),
        ):
            nodes = [self.orphan() for _number in range(3)]
            self.run_pass_with_error(nodes[0], error)
            kept = [self.reservation(node) for node in nodes]
            self.assertEqual([None, DEAD, DEAD], kept)
            self.assertIn(type(error).__name__, self.log.output)
            # The node with the error is given back by the next pass, ...
            self.run_pass()
            kept = [self.reservation(node) for node in nodes]
            self.assertEqual([DEAD] * 3, kept)
            # ... and all are taken over as soon as there are workers.
            workers = self.service._spawn_worker
            self.worker()
            self.run_pass()
            self.assertEqual(
                {states.CLEANFAIL}, {self.state(node) for node in nodes}
            )
            self.service._spawn_worker = workers
