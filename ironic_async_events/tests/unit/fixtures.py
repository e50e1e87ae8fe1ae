# SPDX-License-Identifier: Apache-2.0
"""Fixtures that the tests of the plugin share."""

import sqlite3
from typing import Any
from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy import event

from ironic_async_events import conf as async_conf
from ironic_async_events import patching
from ironic_async_events import plugin
from ironic_async_events.patching import patched
from laboratory.faults import database as faults


class Options(fixtures.Fixture):
    """The options of ``[async_events]``, without the plugin."""

    def _setUp(self) -> None:
        async_conf.register(cfg.CONF)


class Plugin(fixtures.Fixture):
    """The plugin in this process, for the time of a test."""

    def _setUp(self) -> None:
        patching.uninstall()
        plugin.install(cfg.CONF)
        self.addCleanup(patching.uninstall)


class TaskManager(fixtures.Fixture):
    """The plugin; on a patched Ironic its own task manager, and no plugin."""

    def _setUp(self) -> None:
        if not patched.is_patched():
            self.useFixture(Plugin())


class Conflicts(fixtures.Fixture):
    """Other writers win: transactions that write are rolled back at COMMIT.

    :param times: how many transactions
    """

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.left = times

    def _setUp(self) -> None:
        self.useFixture(faults.Deadlocks())
        engine = enginefacade.writer.get_engine()
        self._writes: set[Any] = set()
        self._commit = engine.dialect.do_commit
        event.listen(engine, 'before_cursor_execute', self._executes)
        self.addCleanup(
            event.remove, engine, 'before_cursor_execute', self._executes
        )
        patcher = mock.patch.object(engine.dialect, 'do_commit', self._commits)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _executes(self, connection: Any, cursor: Any, text: str, *a: Any):
        if text.startswith(('UPDATE', 'INSERT', 'DELETE')):
            self._writes.add(cursor.connection)

    def _commits(self, connection: Any) -> None:
        own = getattr(connection, 'dbapi_connection', connection)
        wrote = own in self._writes
        self._writes.discard(own)
        if wrote and self.left > 0:
            self.left -= 1
            own.rollback()
            raise sqlite3.OperationalError('deadlock detected')
        self._commit(connection)
