# SPDX-License-Identifier: Apache-2.0
"""Threads of one process take turns where only one of them can write."""

import threading
from unittest import mock

from ironic.common import utils
from oslotest import base

from ironic_async_events.task import database

PATIENCE = 30


class TurnTestCase(base.BaseTestCase):
    def use_sqlite(self, answer):
        patcher = mock.patch.object(
            utils,
            'is_ironic_using_sqlite',
            autospec=True,
            return_value=answer,
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def another(self):
        """Start a thread that takes its turn.

        :returns: an event that is set when it has it
        """
        has_turn = threading.Event()
        ready = threading.Event()

        def take():
            ready.set()
            with database.turn():
                has_turn.set()

        thread = threading.Thread(target=take, daemon=True)
        self.addCleanup(thread.join, PATIENCE)
        thread.start()
        self.assertTrue(ready.wait(PATIENCE))
        return has_turn

    def test_the_next_thread_is_woken(self):
        self.use_sqlite(True)
        with database.turn(), database.turn():
            has_turn = self.another()
            self.assertFalse(has_turn.is_set())
        self.assertTrue(has_turn.wait(PATIENCE))

    def test_other_databases_have_many_writers(self):
        self.use_sqlite(False)
        with database.turn():
            self.assertTrue(self.another().wait(PATIENCE))
