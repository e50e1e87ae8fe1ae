# SPDX-License-Identifier: Apache-2.0
"""Tests of the program that makes the tables."""

import io
import os

import fixtures
from oslo_config import cfg
from oslotest import base
import sqlalchemy as sa

from ironic_async_events.command import dbsync
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import store


class DbSyncTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.engine = sa.create_engine(
            f'sqlite:///{os.path.join(directory, "ironic.sqlite")}'
        )
        self.addCleanup(self.engine.dispose)
        self.empty = True
        for owner, name, value in (
            (dbsync, '_engine', lambda: self.engine),
            (dbsync.ironic_conf, 'prepare', lambda: None),
            (store, 'is_empty', lambda: self.empty),
        ):
            self.useFixture(fixtures.MockPatchObject(owner, name, value))

    def run_program(self, *arguments):
        # The program's is that of the process.
        conf = cfg.ConfigOpts()
        for owner, name, value in (
            (dbsync, 'CONF', conf),
            (dbsync.ironic_conf, 'read', conf),
        ):
            self.useFixture(fixtures.MockPatchObject(owner, name, value))
        output = io.StringIO()
        self.useFixture(fixtures.MonkeyPatch('sys.stdout', output))
        dbsync.main(arguments)
        return output.getvalue()

    def test_from_nothing_to_nothing(self):
        self.assertIn('no tables', self.run_program('current'))
        self.assertIn(schema.VERSIONS[-1], self.run_program('upgrade'))
        self.assertEqual(
            f'{schema.VERSIONS[-1]}\n', self.run_program('current')
        )
        self.assertIn('gone', self.run_program('drop'))
        self.assertIn('no tables', self.run_program('drop'))
        self.assertIsNone(schema.current(self.engine))

    def test_messages_are_not_lost_without_force(self):
        self.run_program('upgrade')
        self.empty = False
        error = self.assertRaises(SystemExit, self.run_program, 'drop')
        self.assertIn('--force', str(error))
        self.assertIsNotNone(schema.current(self.engine))
        self.assertIn('gone', self.run_program('drop', '--force'))
