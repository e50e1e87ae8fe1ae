# SPDX-License-Identifier: Apache-2.0
"""Commands on the tables that end in the middle, after every statement.

A ``CREATE TABLE`` of MySQL commits at once: what a command that was killed
has made, stays.
"""

import contextlib

import sqlalchemy as sa

from ironic_async_events.outbox import schema


def shape(engine):
    """Describe every table of a database."""
    found = {}
    inspector = sa.inspect(engine)
    for name in inspector.get_table_names():
        found[name] = (
            [
                (c['name'], str(c['type']), c['nullable'])
                for c in inspector.get_columns(name)
            ],
            inspector.get_pk_constraint(name)['constrained_columns'],
            [i['column_names'] for i in inspector.get_indexes(name)],
        )
    return found


class Killed(BaseException):
    """The process ends here."""


@contextlib.contextmanager
def _killed_after(engine, count):
    """End a command after some statements."""
    left = iter(range(count))

    def before(*args):
        if next(left, None) is None:
            raise Killed

    sa.event.listen(engine, 'before_cursor_execute', before)
    try:
        yield
    finally:
        sa.event.remove(engine, 'before_cursor_execute', before)


class Databases:
    """Databases with tables of the outbox; a test case says where."""

    _whole = None

    def engine(self):
        """Return an engine of an empty database."""
        raise NotImplementedError

    def assert_whole(self, engine, message):
        """Assert that a database is as one upgrade without a fault left it."""
        self.assertIsNone(schema.problem(engine), message)
        self.assertEqual(schema.VERSIONS[-1], schema.current(engine), message)
        if self._whole is None:
            whole = self.engine()
            schema.upgrade(whole)
            self._whole = shape(whole)
        self.assertEqual(self._whole, shape(engine), message)
        with engine.connect() as connection:
            rows = connection.scalars(sa.select(schema.RELAY.c.id)).all()
            versions = connection.scalars(
                sa.text(f'SELECT version_num FROM {schema.VERSION_TABLE}')
            ).all()
        self.assertEqual([1], rows, message)
        self.assertEqual([schema.VERSIONS[-1]], versions, message)


def _empty(engine):
    """Leave a database without a table."""


def _half(engine):
    schema.upgrade(engine)
    schema.RELAY.drop(engine)


class Interrupted(Databases):
    """The sweep."""

    def sweep(self, command, prepare, judge, at_least=1):
        """Kill a command after each statement, and judge what is left."""
        for count in range(1000):
            engine = self.engine()
            prepare(engine)
            try:
                with _killed_after(engine, count):
                    command(engine)
            except Killed:
                judge(engine, count)
            else:
                self.assertGreaterEqual(count, at_least)
                return
        raise AssertionError('the command does not end')

    def upgraded(self, engine, count):
        schema.upgrade(engine)
        self.assert_whole(engine, count)

    def dropped(self, engine, count):
        schema.drop(engine)
        self.assertEqual({}, shape(engine), count)

    def said(self, engine, count):
        problem = schema.problem(engine)
        self.assertIn('ironic-async-events-dbsync upgrade', problem)

    def test_an_upgrade_that_was_interrupted_is_repaired(self):
        self.sweep(schema.upgrade, _empty, self.upgraded, 6)

    def test_an_upgrade_that_was_interrupted_is_said_to_be(self):
        # The last statement is the version.
        self.sweep(schema.upgrade, _empty, self.said)

    def test_an_upgrade_that_was_interrupted_is_dropped(self):
        self.sweep(schema.upgrade, _empty, self.dropped)

    def test_a_repair_that_was_interrupted_is_repaired(self):
        self.sweep(schema.upgrade, _half, self.upgraded, 4)

    def test_a_drop_that_was_interrupted_goes_on(self):
        self.sweep(schema.drop, schema.upgrade, self.dropped, 3)

    def test_a_drop_that_was_interrupted_is_taken_back_by_an_upgrade(self):
        self.sweep(schema.drop, schema.upgrade, self.upgraded)
