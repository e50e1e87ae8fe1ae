# SPDX-License-Identifier: Apache-2.0

import dataclasses
from unittest import mock

import fixtures
from ironic.common import exception
from ironic.common import states
from ironic.conductor import notification_utils
from ironic.conductor import task_manager as stock
from oslotest import base

from ironic_async_events.task import change
from ironic_async_events.task import drop_in
from ironic_async_events.tests.unit import fixtures as async_fixtures


class FakeNode:
    """As much of a node as processing an event needs."""

    uuid = 'uuid'
    _changed_fields = frozenset()

    def __init__(self, state: str, target: str | None) -> None:
        self.provision_state = state
        self.target_provision_state = target
        self.last_error = 'an old error'

    def save(self) -> None:
        pass


def machine():
    try:
        from ironic.common import state_machine
    except ImportError:  # Ironic 32 and older
        return states.machine
    return state_machine.machine


class WholeMachineTestCase(base.BaseTestCase):
    """Every state and event of Ironic's machine, against Ironic itself."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger(level='CRITICAL'))
        self.useFixture(async_fixtures.Options())

    def process(self, cls, state, target, event, callback, **kwargs):
        """Process an event with a class; return everything that it did."""
        task = object.__new__(cls)
        task._node = None
        task._transitions = []
        task._snapshot = None
        task._started = None
        task.fsm = machine().copy(shallow=True)
        task.context = mock.Mock(spec=['update_store'])
        task.node = FakeNode(state, target)
        task._spawn_method = task._on_error_method = None
        emitted = []
        with mock.patch.object(
            notification_utils,
            'emit_provision_set_notification',
            autospec=True,
            side_effect=lambda task, *args: emitted.append(args),
        ):
            try:
                task.process_event(
                    event, callback=callback, call_args=(len, task), **kwargs
                )
            except exception.InvalidState:
                return 'refused'
            if callback:
                if cls is stock.TaskManager:
                    task._notify_provision_state_change()
                else:
                    task.post_process_event()
        return (
            task.node.provision_state,
            task.node.target_provision_state,
            task.node.last_error,
            task.fsm.current_state,
            task.fsm.target_state,
            emitted,
        )

    def assert_equal_everywhere(self, callback, **kwargs):
        refused = walked = 0
        events = sorted({event for _, event, _ in machine()})
        for state in machine().states:
            for target in (None, states.MANAGEABLE, states.ACTIVE):
                for event in [*events, 'nonsense']:
                    args = (state, target, event, callback)
                    theirs = self.process(stock.TaskManager, *args, **kwargs)
                    ours = self.process(
                        drop_in.DropInTaskManager, *args, **kwargs
                    )
                    self.assertEqual(theirs, ours, args)
                    walked += 1
                    refused += theirs == 'refused'
        # The walk is worth nothing if it was refused everywhere.
        self.assertGreater(walked - refused, 200)
        self.assertGreater(refused, 200)

    def test_events_that_start_work_end_like_stock_ones(self):
        self.assert_equal_everywhere(print)

    def test_events_within_work_end_like_stock_ones(self):
        self.assert_equal_everywhere(None)

    def test_errors_are_written_like_stock_ones(self):
        for callback in (None, print):
            self.assert_equal_everywhere(callback, last_error='oops')

    def test_target_states_are_taken_like_stock_ones(self):
        for target in (states.MANAGEABLE, states.ACTIVE):
            self.assert_equal_everywhere(None, target_state=target)
            self.assert_equal_everywhere(print, target_state=target)


class TransitionTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.step = change.Transition(
            'deploy', 'available', None, 'deploying', 'active'
        )

    def test_a_transition_cannot_be_changed(self):
        self.assertRaises(
            dataclasses.FrozenInstanceError,
            setattr,
            self.step,
            'state',
            'active',
        )
