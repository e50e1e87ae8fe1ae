# SPDX-License-Identifier: Apache-2.0
"""A node in a database, and a task whose every effect becomes a line."""

import threading
from typing import Any
from unittest import mock

import futurist
from ironic import objects
from ironic.common import states
from ironic.conductor import notification_utils
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils

from ironic_async_events.task import drop_in
from ironic_async_events.tests.unit import fixtures as async_fixtures

# Only a test that hangs waits that long.
PATIENCE = 30


class TaskTestCase(db_base.DbTestCase):
    """Tests of a task manager with a real node and real threads.

    ``self.lines`` tells what happened, in the order in which it did:
    notifications, and what the test itself adds.
    """

    def setUp(self) -> None:
        """Create the node and an executor with one worker."""
        super().setUp()
        self.useFixture(async_fixtures.Options())
        self.lines: list[str] = []
        self.node = obj_utils.create_test_node(
            self.context,
            driver='fake-hardware',
            provision_state=states.AVAILABLE,
            target_provision_state=states.NOSTATE,
            last_error='an old error',
        )
        self.executor = futurist.ThreadPoolExecutor(max_workers=1)
        self.addCleanup(self.executor.shutdown)
        patcher = mock.patch.object(
            notification_utils,
            'emit_provision_set_notification',
            autospec=True,
            side_effect=self._emit,
        )
        self.emit = patcher.start()
        self.addCleanup(patcher.stop)
        # Nobody sleeps between two attempts.
        patcher = mock.patch('tenacity.nap.time', autospec=True)
        self.pause = patcher.start().sleep
        self.addCleanup(patcher.stop)

    def _emit(
        self,
        task: Any,
        level: str,
        status: str,
        prev_state: str,
        prev_target: str,
        event: str,
    ) -> None:
        self.lines.append(
            f'{status} {event}: {prev_state} -> {task.node.provision_state}'
        )

    def task(self, cls: Any = drop_in.DropInTaskManager, **kwargs: Any) -> Any:
        """Lock the node.

        :param cls: class of the task manager
        :returns: the task
        """
        return cls(self.context, self.node.uuid, load_driver=False, **kwargs)

    def stored(self) -> Any:
        """Read the node from the database, as another client would.

        :returns: a node object of its own
        """
        return objects.Node.get_by_uuid(self.context, self.node.uuid)

    def assert_state(self, state: str | None, target: str | None) -> None:
        """Assert what the database says of the node."""
        node = self.stored()
        self.assertEqual(
            (state, target),
            (node.provision_state, node.target_provision_state),
        )

    def assert_taken_back(self) -> None:
        """Assert that the request never happened, but for a trace of it."""
        self.assert_state(states.AVAILABLE, states.NOSTATE)
        node = self.stored()
        self.assertIsNone(node.reservation)
        self.assertNotIn(node.last_error, (None, 'an old error'))
        history = objects.NodeHistory.list_by_node_id(
            self.context, self.node.id
        )
        self.assertEqual([node.last_error], [h.event for h in history])
        self.assertFalse(self.emit.called)


class Gate:
    """A point that a thread passes when the test lets it."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._open = threading.Event()

    def pass_through(self) -> None:
        """Tell that the thread is here, and wait until it may go on."""
        self._arrived.set()
        if not self._open.wait(PATIENCE):
            raise AssertionError('nobody opened the gate')

    def wait_for_arrival(self) -> None:
        """Wait until a thread is at the gate."""
        if not self._arrived.wait(PATIENCE):
            raise AssertionError('nobody came to the gate')

    def open(self) -> None:
        """Let the thread go on."""
        self._open.set()
