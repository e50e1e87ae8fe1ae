# SPDX-License-Identifier: Apache-2.0
"""Tests of tables that are there in part: each of them can be repaired."""

import itertools

from oslotest import base
import sqlalchemy as sa

from ironic_async_events import exceptions
from ironic_async_events.outbox import schema
from ironic_async_events.tests.samples import interrupted

COMMAND = 'ironic-async-events-dbsync upgrade'


class InterruptedTestCase(interrupted.Interrupted, base.BaseTestCase):
    """On SQLite, which commits a table at once when nothing was written."""

    def engine(self):
        engine = sa.create_engine('sqlite://', poolclass=sa.pool.StaticPool)
        self.addCleanup(engine.dispose)
        return engine


class MissingTestCase(interrupted.Databases, base.BaseTestCase):
    """Whatever is missing, and for whatever reason."""

    engine = InterruptedTestCase.engine

    #: How each part is taken away.
    PARTS = {
        'index': 'DROP INDEX ix_async_events_outbox_waiting',
        'other index': 'DROP INDEX ix_async_events_outbox_subject',
        'outbox': f'DROP TABLE {schema.OUTBOX.name}',
        'lease': f'DELETE FROM {schema.RELAY.name}',
        'relay': f'DROP TABLE {schema.RELAY.name}',
        'version': f'DELETE FROM {schema.VERSION_TABLE}',
        'versions': f'DROP TABLE {schema.VERSION_TABLE}',
    }
    #: What is in what.
    WITHIN = {
        'index': 'outbox',
        'other index': 'outbox',
        'lease': 'relay',
        'version': 'versions',
    }

    def spoilt(self, *parts):
        """Make a database without some parts."""
        engine = self.engine()
        schema.upgrade(engine)
        with engine.begin() as connection:
            for part in parts:
                connection.exec_driver_sql(self.PARTS[part])
        return engine

    def subsets(self):
        for count in range(1, len(self.PARTS) + 1):
            for parts in itertools.combinations(self.PARTS, count):
                if not any(self.WITHIN.get(part) in parts for part in parts):
                    yield parts

    def test_upgrade_makes_whatever_is_missing(self):
        for parts in self.subsets():
            engine = self.spoilt(*parts)
            schema.upgrade(engine)
            self.assert_whole(engine, parts)

    def test_drop_goes_by_what_is_there(self):
        for parts in self.subsets():
            engine = self.spoilt(*parts)
            schema.drop(engine)
            self.assertEqual({}, interrupted.shape(engine), parts)

    def test_whatever_is_needed_and_missing_is_said(self):
        for parts in self.subsets():
            problem = schema.problem(self.spoilt(*parts))
            if {*parts} <= {'index', 'other index'}:
                # Without it the relay is slow, and no worse.
                self.assertIsNone(problem)
            else:
                self.assertIn(COMMAND, problem, parts)
                self.assertNotIn('\n', problem)

    def test_a_lease_that_is_missing_is_named(self):
        self.assertIn('lease', schema.problem(self.spoilt('lease')))

    def test_messages_survive_a_repair(self):
        engine = self.spoilt('lease', 'index', 'version')
        row = {
            'id': 7,
            'message_id': 'm',
            'subject': 's',
            'body': '{}',
            'stored_at': 1.0,
            'attempts': 0,
        }
        with engine.begin() as connection:
            connection.execute(schema.OUTBOX.insert().values(row))
        schema.upgrade(engine)
        with engine.connect() as connection:
            ids = connection.scalars(sa.select(schema.OUTBOX.c.id)).all()
        self.assertEqual([7], ids)

    def test_a_lease_that_is_held_survives_a_repair(self):
        engine = self.spoilt('version')
        with engine.begin() as connection:
            connection.execute(
                schema.RELAY.update().values(holder='x', term=3)
            )
        schema.upgrade(engine)
        with engine.connect() as connection:
            row = connection.execute(sa.select(schema.RELAY)).one()
        self.assertEqual((1, 'x', 3, 0.0), tuple(row))

    def test_drop_leaves_no_trace_of_a_version_that_it_does_not_know(self):
        engine = self.spoilt()
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE {schema.VERSION_TABLE} SET version_num = 'newer'"
            )
        schema.drop(engine)
        self.assertEqual({}, interrupted.shape(engine))

    def test_upgrade_does_not_touch_tables_of_a_newer_release(self):
        engine = self.spoilt('index')
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE {schema.VERSION_TABLE} SET version_num = 'newer'"
            )
        before = interrupted.shape(engine)
        error = self.assertRaises(
            exceptions.UnknownVersion, schema.upgrade, engine
        )
        self.assertIn('newer', str(error))
        self.assertNotIn('\n', str(error))
        self.assertEqual(before, interrupted.shape(engine))
        self.assertEqual('newer', schema.current(engine))
