# SPDX-License-Identifier: Apache-2.0
"""A continuation without a worker is tried again while its node waits."""

import contextlib
import dataclasses
import itertools
from unittest import mock

import fixtures
from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import manager
from ironic.conductor import task_manager
from ironic.db.sqlalchemy import models
from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade

from ironic_async_events.outbox import transaction
from ironic_async_events.repairs import continuations
from ironic_async_events.task import delivery
from ironic_async_events.tests.unit import fixtures as async_fixtures
from ironic_async_events.tests.unit.spawn_failures import base
from ironic_async_events.tests.unit.spawn_failures import cases
from ironic_async_events.tests.unit.spawn_failures import causes

#: Longer than each pause between two attempts.
LONG = 100

CONTINUATIONS = [
    case
    for case in cases.CASES
    if case.cast
    and case.staged
    and hasattr(manager.ConductorManager, case.method)
]
CLEAN = CONTINUATIONS[0]
NO_THREAD = causes.CannotStartThread()
NO_WORKER = causes.NoFreeWorker()


class ContinuationsTestCase(base.Bench):
    """A conductor that refuses a continuation, and what it does then."""

    def setUp(self):
        self.useFixture(async_fixtures.Plugin())
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level='INFO'))
        # Ironic's migrations disable every logger that is there.
        self.useFixture(
            fixtures.MockPatchObject(manager.LOG.logger, 'disabled', False)
        )

    def waiting_node(self, case=CLEAN):
        return self.create_node(**{**case.fields(), 'instance_uuid': None})

    def refused_node(self, case=CLEAN, cause=NO_WORKER):
        """Return a node that waits, and whose continuation was refused."""
        node = self.waiting_node(case)
        error, _ = self.ask(case, cause, node.uuid)
        self.assertIsInstance(error, cause.error)
        self.assert_waits(node, case)
        return node

    def run_passes(self, cause=None, after=LONG):
        """Run the periodic tasks of the plugin; return the workers' number.

        :param cause: what keeps the workers from starting
        :param after: how many seconds later than now
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.later(after))
            pool = stack.enter_context(causes.Worker())
            stack.callback(pool.drain)
            self.take_work_by(cause.arm(stack) if cause else pool.spawn)
            self.added_passes()
        return pool.ran

    def assert_waits(self, node, case=CLEAN):
        read = self.read(node.uuid)
        self.assertEqual(
            (case.state, None), (read['provision_state'], read['reservation'])
        )

    def assert_went_on(self, node, case=CLEAN):
        read = self.read(node.uuid)
        self.assertNotEqual(case.state, read['provision_state'])
        self.assertIsNone(read['reservation'])

    def write(self, node, **values):
        """Change columns of a node, as another conductor would."""
        with enginefacade.writer.using(self.context) as session:
            session.query(models.Node).filter_by(id=node.id).update(values)

    def lines(self, text):
        return [line for line in self.log.output.splitlines() if text in line]

    # It is tried again

    def test_a_later_pass_continues_the_node(self):
        for case in CONTINUATIONS:
            for cause in causes.CAUSES:
                node = self.refused_node(case, cause)
                self.run_passes()
                self.assert_went_on(node, case)
                # And only once.
                self.assertEqual(0, self.run_passes(after=10 * LONG))

    def test_an_error_of_the_database_before_the_lock_is_a_refusal(self):
        node = self.waiting_node()
        for name in ('reserve', 'get'):
            with fixtures.MockPatchObject(
                objects.Node, name, side_effect=db_exc.DBConnectionError()
            ):
                error, _ = self.ask(CLEAN, None, node.uuid)
            self.assertIsInstance(error, db_exc.DBError)
        self.assertEqual(1, self.run_passes())
        self.assert_went_on(node)

    def test_it_is_tried_until_there_is_a_worker(self):
        node = self.refused_node()
        for number in range(1, 4):
            self.run_passes(NO_THREAD, after=number * LONG)
            self.assert_waits(node)
        self.run_passes(after=4 * LONG)
        self.assert_went_on(node)

    def test_an_attempt_that_gets_no_worker_writes_nothing(self):
        node = self.refused_node()
        before = self.read(node.uuid), self.records(node.id)
        self.run_passes(NO_THREAD)
        self.assertEqual(before, (self.read(node.uuid), self.records(node.id)))

    def test_without_a_worker_a_pass_tries_one_node(self):
        nodes = [self.refused_node() for _ in range(3)]
        spawn = mock.Mock(side_effect=exception.NoFreeConductorWorker())
        self.take_work_by(spawn)
        with self.later(LONG):
            self.added_passes()
        self.assertEqual(1, spawn.call_count)
        self.run_passes(after=2 * LONG)
        for node in nodes:
            self.assert_went_on(node)

    def test_one_pass_continues_all_nodes_that_are_due(self):
        cfg.CONF.set_override('periodic_max_workers', 1, 'conductor')
        nodes = [self.refused_node() for _ in range(3)]
        self.assertEqual(1, self.run_passes())
        for node in nodes:
            self.assert_went_on(node)

    def test_pauses_grow(self):
        self.refused_node()
        tried = []
        spawn = mock.Mock(side_effect=exception.NoFreeConductorWorker())
        self.take_work_by(spawn)
        for seconds in range(5, 300, 10):
            calls = spawn.call_count
            with self.later(seconds):
                self.added_passes()
            if spawn.call_count > calls:
                tried.append(seconds)
        pauses = [b - a for a, b in itertools.pairwise(tried)]
        self.assertEqual([15, 20, 40, 60, 60, 60], [tried[0], *pauses])

    def test_a_locked_node_is_tried_later(self):
        node = self.refused_node()
        with task_manager.acquire(self.context, node.uuid):
            self.assertEqual(1, self.run_passes())
        self.assert_waits(node)
        self.assertEqual(1, self.run_passes(after=2 * LONG))
        self.assert_went_on(node)

    def test_a_node_in_maintenance_is_tried_later(self):
        node = self.refused_node()
        self.write(node, maintenance=True)
        self.run_passes()
        self.assert_waits(node)
        self.write(node, maintenance=False)
        self.run_passes(after=2 * LONG)
        self.assert_went_on(node)

    def test_an_error_of_the_database_in_a_retry_is_a_refusal(self):
        node = self.refused_node()
        self.run_passes(causes.DatabaseGone())
        self.assert_waits(node)
        self.run_passes(after=2 * LONG)
        self.assert_went_on(node)

    def test_a_change_that_is_rolled_back_forgets_no_node(self):
        before = delivery.use(transaction.in_one_transaction)
        self.addCleanup(delivery.use, before)
        node = self.refused_node()
        with fixtures.MockPatchObject(
            transaction, 'check', side_effect=db_exc.DBConnectionError()
        ):
            self.run_passes()
        self.assert_waits(node)
        self.run_passes(after=2 * LONG)
        self.assert_went_on(node)

    def test_a_node_that_a_heartbeat_has_touched_is_continued(self):
        node = self.refused_node()
        node.touch_provisioning()
        self.run_passes()
        self.assert_went_on(node)

    def test_an_abort_that_waits_for_the_step_takes_place(self):
        step = CLEAN.fields()['clean_step']
        info = {'clean_steps': [step, step], 'clean_step_index': 0}
        case = dataclasses.replace(CLEAN, node={'driver_internal_info': info})
        node = self.refused_node(case)
        self.write(node, clean_step={**step, 'abort_after': True})
        self.run_passes()
        self.assertEqual(
            states.CLEANFAIL, self.read(node.uuid)['provision_state']
        )

    # It is forgotten

    def go_on(self, node):
        """Continue a node, which then waits in the same step again."""
        with task_manager.acquire(self.context, node.uuid) as task:
            task.process_event('resume')
            task.process_event('wait')

    def test_a_node_that_went_on_is_not_continued(self):
        node = self.refused_node()
        self.go_on(node)
        self.assertEqual(0, self.run_passes())
        self.assert_waits(node)

    def test_a_node_that_goes_on_before_the_retry_is_not_continued(self):
        node = self.refused_node()
        acquire = task_manager.acquire

        def late(*args, **kwargs):
            self.useFixture(
                fixtures.MonkeyPatch(
                    f'{task_manager.__name__}.acquire', acquire
                )
            )
            self.go_on(node)
            return acquire(*args, **kwargs)

        with fixtures.MonkeyPatch(f'{task_manager.__name__}.acquire', late):
            self.assertEqual(1, self.run_passes())
        self.assert_waits(node)

    def test_another_step_is_not_continued(self):
        node = self.refused_node()
        info = {**node.driver_internal_info, 'clean_step_index': 5}
        self.write(node, driver_internal_info=info)
        self.assertEqual(1, self.run_passes())
        self.assert_waits(node)
        self.assertEqual(0, self.run_passes(after=2 * LONG))

    def test_a_node_of_another_conductor_that_may_have_gone_on_is_left(self):
        untouched, touched = self.refused_node(), self.refused_node()
        touched.touch_provisioning()
        self.service._mapped_to_this_conductor = lambda *args: False
        self.run_passes()
        self.assert_went_on(untouched)
        self.assert_waits(touched)
        self.assertEqual(0, self.run_passes(after=2 * LONG))

    def test_a_deleted_node_is_forgotten(self):
        node = self.refused_node()
        node.destroy()
        self.assertEqual(1, self.run_passes())
        self.assertEqual(0, self.run_passes(after=2 * LONG))

    def test_who_gets_an_answer_asks_again(self):
        case = next(
            case
            for case in cases.CASES
            if case.operation == 'continue inspection' and case.staged
        )
        self.refused_node(case)
        self.assertEqual(0, self.run_passes())

    # What the operator sees

    def test_one_line_for_a_refusal_and_one_for_the_end(self):
        node = self.refused_node()
        self.run_passes(NO_THREAD)
        self.run_passes(NO_THREAD, after=2 * LONG)
        self.assertEqual(1, len(self.lines('tries again')))
        self.run_passes(after=3 * LONG)
        self.assertEqual(1, len(self.lines('tries again')))
        self.assertEqual(1, len(self.lines('is continued')))
        for line in self.lines('tries again') + self.lines('is continued'):
            self.assertIn(node.uuid, line)

    def test_a_conductor_collects_the_pass(self):
        conductor = manager.ConductorManager('another-host', 'a-topic')
        conductor._executor = None
        conductor._collect_periodic_tasks(self.context)
        works = [w.work for w in conductor._periodic_tasks.iter_watchers()]
        (own,) = [w for w in works if continuations.__name__ in w.name]
        self.assertEqual((self.context,), own.args)
