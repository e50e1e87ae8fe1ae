# SPDX-License-Identifier: Apache-2.0

import json
from unittest import mock

import futurist
from ironic.common import exception
from ironic.common import rpc
from ironic.common import states
from ironic.objects import base as object_base
from oslo_versionedobjects import fixture as object_fixture
from oslotest import base

from ironic_async_events.task import change
from ironic_async_events.task import numbered
from ironic_async_events.tests.unit import base as async_base


def step(previous, event, state):
    return change.Transition(event, previous, None, state, None)


class FollowingTestCase(base.BaseTestCase):
    def walk(self, *steps):
        info = None
        marks = []
        for now, (previous, event, state) in enumerate(steps):
            mark, info = numbered.following(
                info, step(previous, event, state), now
            )
            marks.append(mark)
        return marks

    def test_numbers_have_no_gaps_and_operations_one_name(self):
        marks = self.walk(
            ('available', 'deploy', 'deploying'),
            ('deploying', 'wait', 'wait call-back'),
            ('wait call-back', 'resume', 'deploying'),
            ('deploying', 'done', 'active'),
            ('active', 'rebuild', 'deploying'),
            ('deploying', 'fail', 'deploy failed'),
            ('deploy failed', 'manage', 'manageable'),
        )
        self.assertEqual([1, 2, 3, 4, 5, 6, 7], [m.sequence for m in marks])
        names = [m.operation_id for m in marks]
        self.assertEqual(1, len(set(names[:4])))
        self.assertEqual(1, len(set(names[4:6])))
        self.assertEqual(3, len(set(names)))
        self.assertEqual([0, 0, 0, 0, 4, 4, 6], [m.started_at for m in marks])

    def test_a_mark_survives_the_database(self):
        mark, info = numbered.following(
            {}, step('available', 'deploy', 'deploying'), 1.5
        )
        self.assertEqual(mark, numbered.read(json.loads(json.dumps(info))))

    def test_what_cannot_be_read_is_no_mark(self):
        wrong = {
            'sequence': 'x',
            'operation_id': '',
            'started_at': 1.5,
            'open': True,
        }
        for mark in (None, {'a': 1}, wrong):
            self.assertIsNone(numbered.read({numbered.KEY: mark}))
        for info in (None, {}):
            self.assertIsNone(numbered.read(info))


class ObjectsTestCase(base.BaseTestCase):
    # A change here needs a new VERSION, and a line in the documentation.
    FINGERPRINTS = {
        'NodeProvisionEventNotification': (
            '1.0-59acc533c11d306f149846f922739c15'
        ),
        'NodeProvisionEventPayload': '1.0-d63df2cb2e2abae86b2ba3c7cb2c211e',
    }

    def test_versions_and_fingerprints_agree(self):
        checker = object_fixture.ObjectVersionChecker(
            {name: [getattr(numbered, name)] for name in self.FINGERPRINTS}
        )
        expected, actual = checker.test_hashes(self.FINGERPRINTS)
        self.assertEqual(expected, actual)

    def test_they_are_known_to_ironic(self):
        for name in self.FINGERPRINTS:
            self.assertIn(name, object_base.IronicObjectRegistry.obj_classes())


class EmitTestCase(async_base.TaskTestCase):
    """The numbered notifications of a real task."""

    def setUp(self):
        super().setUp()
        self.config(sequence_notifications=True, group='async_events')
        self.config(notification_level='info')
        self.node.set_driver_internal_info('agent_secret_token', 'sesame')
        self.node.instance_info = {'configdrive': 'sesame'}
        self.node.save()
        self.notifier = mock.Mock(spec=['info', 'error'])
        patcher = mock.patch.object(
            rpc,
            'get_versioned_notifier',
            autospec=True,
            return_value=self.notifier,
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def sent(self):
        return [
            (name, kwargs['event_type'], kwargs['payload'])
            for name, _args, kwargs in self.notifier.mock_calls
        ]

    def deploy(self, work, spawn=None):
        with self.task() as task:
            task.process_event(
                'deploy',
                callback=spawn or futurist.SynchronousExecutor().submit,
                call_args=(work, task),
            )

    def test_each_transition_is_followed_by_its_number(self):
        self.deploy(lambda task: task.process_event('fail'))
        (_, start, first), (level, error, second) = self.sent()
        self.assertEqual('baremetal.node.provision_event.start', start)
        self.assertEqual('baremetal.node.provision_event.error', error)
        self.assertEqual('error', level)
        data = first['ironic_object.data']
        self.assertEqual(
            {
                'uuid': self.node.uuid,
                'event': 'deploy',
                'previous_provision_state': states.AVAILABLE,
                'previous_target_provision_state': states.NOSTATE,
                'provision_state': states.DEPLOYING,
                'target_provision_state': states.ACTIVE,
                'sequence': 1,
                'conductor': mock.ANY,
                'operation_id': mock.ANY,
                'operation_seconds': mock.ANY,
            },
            data,
        )
        self.assertEqual(2, second['ironic_object.data']['sequence'])
        self.assertEqual(
            data['operation_id'], second['ironic_object.data']['operation_id']
        )
        self.assertEqual(
            2, numbered.read(self.stored().driver_internal_info).sequence
        )

    def test_no_secret_is_in_it(self):
        self.deploy(lambda task: task.process_event('done'))
        self.assertEqual(2, len(self.sent()))
        self.assertNotIn('sesame', str(self.sent()))

    def test_a_refused_request_takes_no_number(self):
        self.assertRaises(
            exception.NoFreeConductorWorker,
            self.deploy,
            None,
            mock.Mock(side_effect=RuntimeError),
        )
        self.deploy(lambda task: task.process_event('done'))
        self.assertEqual(
            [1, 2],
            [p['ironic_object.data']['sequence'] for _, _, p in self.sent()],
        )

    def test_it_costs_no_further_write(self):
        with mock.patch.object(
            self.dbapi,
            'update_node',
            autospec=True,
            side_effect=self.dbapi.update_node,
        ) as update:
            self.deploy(lambda task: None)
        self.assertEqual(1, update.call_count)

    def test_it_is_off_by_default(self):
        self.config(sequence_notifications=False, group='async_events')
        self.deploy(lambda task: task.process_event('done'))
        self.assertEqual([], self.sent())
        self.assertNotIn(numbered.KEY, self.stored().driver_internal_info)
