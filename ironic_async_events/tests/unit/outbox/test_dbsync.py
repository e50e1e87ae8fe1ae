# SPDX-License-Identifier: Apache-2.0
"""Tests of the program that makes the tables."""

import io
import os

import fixtures
from oslo_config import cfg
from oslotest import base
import sqlalchemy as sa

from ironic_async_events.command import dbsync
from ironic_async_events.command import ironic_conf
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
            (ironic_conf, 'engine', lambda: self.engine),
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
        self.assertIn('dropped', self.run_program('drop'))
        self.assertIn('no tables', self.run_program('drop'))
        self.assertIsNone(schema.current(self.engine))

    def test_messages_are_not_lost_without_force(self):
        self.run_program('upgrade')
        self.empty = False
        error = self.assertRaises(SystemExit, self.run_program, 'drop')
        self.assertIn('--force', str(error))
        self.assertIsNotNone(schema.current(self.engine))
        self.assertIn('dropped', self.run_program('drop', '--force'))

    def lose(self, statement):
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def test_what_is_there_in_part_is_told_apart(self):
        self.run_program('upgrade')
        self.lose(f'DELETE FROM {schema.RELAY.name}')
        version, problem = self.run_program('current').splitlines()
        self.assertEqual(schema.VERSIONS[-1], version)
        self.assertIn(f'"{schema.COMMAND}"', problem)
        self.lose(f'DROP TABLE {schema.VERSION_TABLE}')
        (problem,) = self.run_program('current').splitlines()
        self.assertIn(f'"{schema.COMMAND}"', problem)
        self.run_program('upgrade')
        self.assertEqual(
            f'{schema.VERSIONS[-1]}\n', self.run_program('current')
        )

    def test_what_is_there_in_part_is_dropped(self):
        self.run_program('upgrade')
        self.lose(f'DROP TABLE {schema.VERSION_TABLE}')
        self.lose(f'DROP TABLE {schema.OUTBOX.name}')
        # Nobody can ask a table that is not there.
        self.empty = None
        self.assertIn('dropped', self.run_program('drop'))
        self.assertEqual([], sa.inspect(self.engine).get_table_names())

    def test_messages_without_a_version_are_not_lost_without_force(self):
        self.run_program('upgrade')
        self.lose(f'DELETE FROM {schema.VERSION_TABLE}')
        self.empty = False
        self.assertRaises(SystemExit, self.run_program, 'drop')
        self.assertEqual(3, len(schema.tables(self.engine)))

    def test_tables_of_a_newer_release_are_one_line(self):
        self.run_program('upgrade')
        self.lose(f"UPDATE {schema.VERSION_TABLE} SET version_num = 'newer'")
        error = self.assertRaises(SystemExit, self.run_program, 'upgrade')
        self.assertIn('version newer', str(error))
        self.assertNotIn('\n', str(error))
        self.assertIn('dropped', self.run_program('drop'))


class BriefTestCase(base.BaseTestCase):
    def test_neither_statement_nor_password_is_told(self):
        for error, expected in (
            (
                sa.exc.OperationalError(
                    'UPDATE nodes SET x', {'x': 's3cret'}, OSError(5, 'gone')
                ),
                '[Errno 5] gone',
            ),
            (
                sa.exc.ArgumentError('URL mysql//u:s3cr@et@host/x\nmore'),
                'URL mysql//***@host/x',
            ),
            (OSError(), 'OSError'),
        ):
            self.assertEqual(expected, ironic_conf.brief(error))
