# SPDX-License-Identifier: Apache-2.0
"""Tests of the tables: how they come, go, and are missed."""

import os
import sys

from alembic import command
from alembic import script
import fixtures
from oslo_config import cfg
from oslotest import base
import sqlalchemy as sa

from ironic_async_events import conf as async_conf
from ironic_async_events import exceptions
from ironic_async_events.outbox import lease
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import service
from ironic_async_events.tests.samples import interrupted
from ironic_async_events.tests.unit.outbox import base as outbox_base


class SchemaTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.url = f'sqlite:///{os.path.join(directory, "ironic.sqlite")}'
        self.engine = sa.create_engine(self.url)
        self.addCleanup(self.engine.dispose)
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                'CREATE TABLE alembic_version (version_num VARCHAR(32))'
            )
            connection.exec_driver_sql(
                "INSERT INTO alembic_version VALUES ('of ironic')"
            )

    def test_the_version_that_is_needed_is_the_last_migration(self):
        found = script.ScriptDirectory(str(schema._PLACE))
        self.assertEqual([schema.VERSIONS[-1]], list(found.get_heads()))
        self.assertEqual(
            set(schema.VERSIONS),
            {one.revision for one in found.walk_revisions()},
        )

    def test_migrations_make_what_the_program_expects(self):
        schema.upgrade(self.engine)
        other = sa.create_engine('sqlite://', poolclass=sa.pool.StaticPool)
        self.addCleanup(other.dispose)
        schema._METADATA.create_all(other)
        made = interrupted.shape(self.engine)
        for name, expected in interrupted.shape(other).items():
            # Columns and key; of indexes only the migrations know.
            self.assertEqual(expected[:2], made[name][:2])

    def test_upgrading_twice_is_upgrading_once(self):
        schema.upgrade(self.engine)
        schema.upgrade(self.engine)
        self.assertEqual(schema.VERSIONS[-1], schema.current(self.engine))
        with self.engine.connect() as connection:
            rows = list(connection.execute(sa.select(schema.RELAY)))
        self.assertEqual([(1, '', 0, 0.0)], rows)

    def test_dropping_leaves_ironics_schema_as_it_was(self):
        before = interrupted.shape(self.engine)
        schema.upgrade(self.engine)
        self.assertNotEqual(before, interrupted.shape(self.engine))
        schema.drop(self.engine)
        self.assertEqual(before, interrupted.shape(self.engine))
        with self.engine.connect() as connection:
            version = connection.exec_driver_sql(
                'SELECT version_num FROM alembic_version'
            ).scalar_one()
        self.assertEqual('of ironic', version)
        self.assertIsNone(schema.current(self.engine))

    def test_after_dropping_they_can_come_again(self):
        schema.upgrade(self.engine)
        schema.drop(self.engine)
        schema.upgrade(self.engine)
        self.assertIsNone(schema.problem(self.engine))

    def test_missing_tables_are_named_with_what_to_do(self):
        error = self.assertRaises(
            exceptions.RefusedToStart, schema.check, self.engine
        )
        self.assertIn('driver = async_events_outbox', str(error))
        self.assertIn('ironic-async-events-dbsync upgrade', str(error))
        self.assertNotIn('\n', str(error))

    def test_a_newer_version_is_let_pass(self):
        schema.upgrade(self.engine)
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE {schema.VERSION_TABLE} SET version_num = 'newer'"
            )
        self.assertIsNone(schema.problem(self.engine))

    def test_an_older_version_is_refused(self):
        schema.upgrade(self.engine)
        self.useFixture(
            fixtures.MockPatchObject(
                schema, 'VERSIONS', (*schema.VERSIONS, 'next')
            )
        )
        self.assertIn('next is needed', schema.problem(self.engine))

    def conf(self, url):
        conf = cfg.ConfigOpts()
        conf.register_opt(cfg.StrOpt('connection', default=url), 'database')
        async_conf.register(conf)
        conf([])
        self.useFixture(fixtures.MockPatchObject(service, '_checked', False))
        return conf

    def import_api(self):
        modules = {**sys.modules, service._API: sys}
        self.useFixture(fixtures.MockPatchObject(sys, 'modules', modules))

    def test_an_api_without_tables_refuses_to_start(self):
        self.import_api()
        self.assertRaises(
            exceptions.RefusedToStart, service.check_api, self.conf(self.url)
        )

    def test_an_api_with_tables_starts(self):
        schema.upgrade(self.engine)
        self.import_api()
        service.check_api(self.conf(self.url))

    def test_an_api_without_a_database_is_ironics_to_judge(self):
        self.import_api()
        service.check_api(self.conf('sqlite:////nowhere/at/all'))

    def test_a_wrong_url_of_the_database_is_logged_without_its_password(self):
        self.import_api()
        log = self.useFixture(outbox_base.Log())
        service.check_api(self.conf('mysql+pymysql://u:x@y:s3cret@h/ironic'))
        (line,) = log.lines('could not look')
        self.assertNotIn('s3cret', line)

    def test_a_command_needs_no_tables(self):
        # ironic-dbsync makes notifiers as well.
        modules = dict(sys.modules)
        modules.pop(service._API, None)
        self.useFixture(fixtures.MockPatchObject(sys, 'modules', modules))
        service.check_api(self.conf(self.url))

    def test_the_clock_passes_while_the_machine_sleeps(self):
        self.assertLessEqual(lease.clock(), lease.clock())


class BeforeTestCase(interrupted.Databases, base.BaseTestCase):
    """Tables that the release before has made, and that it still uses."""

    def engine(self):
        engine = sa.create_engine('sqlite://', poolclass=sa.pool.StaticPool)
        self.addCleanup(engine.dispose)
        return engine

    def before(self):
        """Make a database of the release before."""
        engine = self.engine()
        with engine.connect() as connection:
            config = schema._config(connection)
            command.upgrade(config, schema.VERSIONS[0])
            connection.commit()
        return engine

    def test_they_are_brought_up_to_date_with_their_messages(self):
        engine = self.before()
        self.assertIn('bring them up to date', schema.problem(engine))
        insert = sa.text(
            'INSERT INTO async_events_outbox '
            '(message_id, subject, body, stored_at, attempts) '
            "VALUES ('m', 's', '', 0, 0)"
        )
        with engine.begin() as connection:
            connection.execute(insert)
        schema.upgrade(engine)
        self.assert_whole(engine, 'upgraded')
        with engine.begin() as connection:
            # The release before stores on.
            connection.execute(insert)
            rows = connection.execute(sa.select(schema.OUTBOX)).all()
        self.assertEqual([None, None], [row.destination for row in rows])
