# SPDX-License-Identifier: Apache-2.0
"""Requests to Ironic's own conductor, with the plugin in it."""

import unittest
from unittest import mock

import futurist
from ironic.common import exception
from ironic.common import states
from ironic.conductor import cleaning
from ironic.conductor import deployments
from ironic.conductor import notification_utils
from ironic.conductor import servicing
from ironic.conductor import task_manager
from ironic.tests.unit.conductor import mgr_utils
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
import oslo_messaging as messaging

from ironic_async_events.patching import patched
from ironic_async_events.tests.unit import fixtures as async_fixtures

NO_WORKER = mock.Mock(side_effect=RuntimeError("can't start new thread"))


@mgr_utils.mock_record_keepalive
class ManagerTestCase(mgr_utils.ServiceSetUpMixin, db_base.DbTestCase):
    """Workers run in the thread that asks for them."""

    def setUp(self):
        super().setUp()
        self.useFixture(async_fixtures.TaskManager())
        self._start_service()
        self.lines = []
        self.mock(
            notification_utils,
            'emit_provision_set_notification',
            side_effect=self._emit,
        )
        self.spawn_with(futurist.SynchronousExecutor().submit)

    def mock(self, owner, name, **kwargs):
        patcher = mock.patch.object(owner, name, autospec=True, **kwargs)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def spawn_with(self, spawn):
        # On the instance: the manager is Ironic's, the pool is the test's.
        self.service._spawn_worker = spawn

    def _emit(self, task, level, status, prev_state, prev_target, event):
        self.lines.append(
            f'{status} {event}: {prev_state} -> {task.node.provision_state}'
        )

    def node(self, state, target=states.AVAILABLE, **kwargs):
        return obj_utils.create_test_node(
            self.context,
            driver='fake-hardware',
            provision_state=state,
            target_provision_state=target,
            **kwargs,
        )


class VendorPassthruTestCase(ManagerTestCase):
    """User input is never an event."""

    BODY = {
        'event': 'deploy',
        'target_state': 'active',
        'last_error': 'mine',
        'callback': 'print',
        'call_args': 'x',
        'args': [1],
        'bar': 'baz',
    }

    def passthru(self, node):
        got = []

        def vendor(task, **kwargs):
            got.append(kwargs)

        route = {
            'func': vendor,
            'http_methods': ['POST'],
            'require_exclusive_lock': True,
            'async': True,
            'attach': False,
        }
        with task_manager.acquire(self.context, node.uuid) as task:
            vendor_interface = task.driver.vendor
        self.mock(type(vendor_interface), 'validate')
        with mock.patch.dict(vendor_interface.vendor_routes, {'x': route}):
            self.service.vendor_passthru(
                self.context, node.uuid, 'x', 'POST', dict(self.BODY)
            )
        return got

    def test_a_body_that_looks_like_an_event_reaches_its_function(self):
        node = self.node(states.AVAILABLE, None)
        self.assertEqual(
            [{**self.BODY, 'http_method': 'POST'}], self.passthru(node)
        )
        node.refresh()
        self.assertEqual(states.AVAILABLE, node.provision_state)
        self.assertIsNone(node.reservation)
        self.assertEqual([], self.lines)

    @unittest.skipIf(patched.is_patched(), 'a patched Ironic passes it on')
    def test_a_body_that_cannot_be_passed_on_is_no_lack_of_workers(self):
        # Clients repeat a request for which there was no worker.
        del self.service._spawn_worker
        node = self.node(states.ACTIVE, None)
        self.assertRaises(
            TypeError,
            self.service.vendor_passthru,
            self.context,
            node.uuid,
            'second_method',
            'POST',
            {'bar': 'kazoo', 'func': 'x'},
        )
        node.refresh()
        self.assertIsNone(node.reservation)


class StagedResumeTestCase(ManagerTestCase):
    """Operations that Ironic moves before it asks for a worker."""

    def assert_resumed(self, call, node, func, lines):
        self.mock(*func, side_effect=lambda *args: self.lines.append('main'))
        call(self.context, node.uuid)
        self.assertEqual(lines, self.lines)

    def assert_keeps_waiting(self, call, node):
        before = (node.provision_state, node.target_provision_state)
        self.spawn_with(NO_WORKER)
        self.assertRaises(
            exception.NoFreeConductorWorker, call, self.context, node.uuid
        )
        node.refresh()
        self.assertEqual(
            before, (node.provision_state, node.target_provision_state)
        )
        self.assertIsNone(node.reservation)
        self.assertIn("can't start new thread", node.last_error)
        self.assertEqual([], self.lines)

    def require_continued_services(self):
        if not hasattr(self.service, 'continue_node_service'):
            self.skipTest('this Ironic has no continue_node_service()')

    def aborts_services_in_the_worker(self):
        """Say whether this Ironic lets a failed service be aborted."""
        # Releases have it in different places; the task manager knows.
        machine = getattr(task_manager, 'state_machine', states).machine.copy()
        machine.initialize(states.SERVICEFAIL)
        return machine.is_actionable_event('abort')

    def test_cleaning_goes_on_in_the_worker(self):
        self.assert_resumed(
            self.service.continue_node_clean,
            self.node(states.CLEANWAIT),
            (cleaning, 'continue_node_clean'),
            ['success resume: clean wait -> cleaning', 'main'],
        )

    def test_cleaning_that_cannot_go_on_keeps_waiting(self):
        for target in (states.AVAILABLE, states.MANAGEABLE):
            node = self.node(states.CLEANWAIT, target)
            self.assert_keeps_waiting(self.service.continue_node_clean, node)
            node.destroy()

    def test_deploying_goes_on_in_the_worker(self):
        self.assert_resumed(
            self.service.continue_node_deploy,
            self.node(states.DEPLOYWAIT, states.ACTIVE),
            (deployments, 'continue_node_deploy'),
            ['success resume: wait call-back -> deploying', 'main'],
        )

    def test_deploying_that_cannot_go_on_keeps_waiting(self):
        self.assert_keeps_waiting(
            self.service.continue_node_deploy,
            self.node(states.DEPLOYWAIT, states.ACTIVE),
        )

    def test_service_goes_on_in_the_worker(self):
        self.require_continued_services()
        self.assert_resumed(
            self.service.continue_node_service,
            self.node(states.SERVICEWAIT, states.ACTIVE),
            (servicing, 'continue_node_service'),
            ['success resume: service wait -> servicing', 'main'],
        )

    def test_service_that_cannot_go_on_keeps_waiting(self):
        self.require_continued_services()
        self.assert_keeps_waiting(
            self.service.continue_node_service,
            self.node(states.SERVICEWAIT, states.ACTIVE),
        )

    def test_the_error_of_a_step_survives_its_resume(self):
        node = self.node(states.CLEANWAIT, last_error='of the step')
        self.mock(cleaning, 'continue_node_clean')
        self.service.continue_node_clean(self.context, node.uuid)
        node.refresh()
        self.assertEqual('of the step', node.last_error)

    def abort(self, context, uuid):
        self.service.do_provisioning_action(context, uuid, 'abort')

    def test_a_service_is_aborted_in_the_worker(self):
        lines = [
            'error fail: service wait -> service failed',
            'success abort: service failed -> active',
            'main',
        ]
        if not self.aborts_services_in_the_worker():
            # As on stock: a transition of the RPC thread, and no work.
            lines = ['end abort: service wait -> service failed']
        self.assert_resumed(
            self.abort,
            self.node(states.SERVICEWAIT, states.ACTIVE),
            (servicing, 'do_node_service_abort'),
            lines,
        )

    def test_a_service_that_cannot_be_aborted_keeps_waiting(self):
        if not self.aborts_services_in_the_worker():
            self.skipTest('this Ironic needs no worker to abort a service')
        self.spawn_with(NO_WORKER)
        node = self.node(states.SERVICEWAIT, states.ACTIVE)
        # The RPC layer wraps the error for the API.
        self.assertRaises(
            messaging.ExpectedException, self.abort, self.context, node.uuid
        )
        node.refresh()
        self.assertEqual(states.SERVICEWAIT, node.provision_state)
        self.assertEqual([], self.lines)
