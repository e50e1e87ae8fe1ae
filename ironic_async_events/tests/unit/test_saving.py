# SPDX-License-Identifier: Apache-2.0
"""A state that is saved by one UPDATE is saved as by Ironic."""

import functools
import types
from unittest import mock

from ironic import objects
from ironic.common import states
from ironic.conductor import manager  # noqa: F401  # what is patched
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
import sqlalchemy as sa
from sqlalchemy import orm
import wrapt

from ironic_async_events.patching import known
from ironic_async_events.repairs import saving
from ironic_async_events.task import database
from ironic_async_events.tests.unit import fixtures as async_fixtures
from laboratory import saved


class Equal(db_base.DbTestCase):
    """Every case is compared with ``Node.save()`` of this Ironic."""

    def setUp(self):
        super().setUp()
        self.bench = saved.Bench()

    def differences(self, chosen):
        before = self.bench.short
        found = []
        cases = [case for case in saved.cases() if chosen(case)]
        for case in cases:
            found += self.bench.differences(case)
        self.assertEqual([], found)
        return len(cases), self.bench.short - before

    def test_a_change_beside_the_state(self):
        for changed in saved.CHANGES:
            with self.subTest(changed):
                count, short = self.differences(
                    lambda case, changed=changed: (
                        case.changed == changed and not case.pinned
                    )
                )
                self.assertGreater(count, 50)
                self.assertIn(short, (0, count))

    def test_most_are_saved_by_one_update(self):
        count, short = self.differences(lambda case: case.changed == 'JSON')
        # All but that of the pinned release.
        self.assertEqual(count - 1, short)

    def test_a_pinned_release(self):
        self.differences(lambda case: case.pinned)

    def test_a_node_that_is_gone(self):
        self.differences(lambda case: case.gone)


class Recognized(db_base.DbTestCase):
    def setUp(self):
        super().setUp()
        self.node = obj_utils.create_test_node(
            self.context, provision_state=states.CLEANING
        )
        self.useFixture(async_fixtures.Plugin())
        self.statements = []
        engine = api.enginefacade.writer.get_engine()
        sa.event.listen(engine, 'before_cursor_execute', self._note)
        self.addCleanup(
            sa.event.remove, engine, 'before_cursor_execute', self._note
        )

    def _note(self, conn, cursor, statement, *args):
        self.statements.append(statement.split()[0])

    def save(self):
        self.node.provision_state = states.AVAILABLE
        self.node.save()
        self.assertEqual(
            states.AVAILABLE,
            objects.Node.get_by_uuid(
                self.context, self.node.uuid
            ).provision_state,
        )

    def test_one_update_saves_a_state(self):
        self.node.provision_state = states.AVAILABLE
        self.node.save()
        self.assertEqual(['BEGIN', 'UPDATE'], self.statements)

    def test_one_update_saves_other_fields(self):
        self.node.extra = {'ours': 1}
        self.node.save()
        self.assertEqual(['BEGIN', 'UPDATE'], self.statements)

    def test_traits_are_read_again(self):
        node_id = self.node.id
        for before, after in (([], ['CUSTOM_A']), (['CUSTOM_A'], [])):
            with self.subTest(before):
                objects.TraitList.create(self.context, node_id, after)
                self.node.extra = {'ours': len(before)}
                self.node.save()
                self.assertEqual(after, self.node.traits.get_trait_names())

    def test_a_method_in_the_place_of_ironics_is_called(self):
        real = objects.Node.save
        with mock.patch.object(objects.Node, 'save', autospec=True) as save:
            save.side_effect = real
            self.save()
        save.assert_called_once_with(self.node)

    def test_a_method_of_the_database_in_its_place_is_called(self):
        real = self.dbapi.update_node
        with mock.patch.object(
            self.dbapi, 'update_node', autospec=True
        ) as update:
            update.side_effect = real
            self.save()
        update.assert_called_once()

    def test_a_function_that_is_not_known_is_called(self):
        for name in saving.FUNCTIONS.fingerprints:
            changed = known.Functions(
                'states are saved in',
                {**saving.FUNCTIONS.fingerprints, name: ('another',)},
            )
            with (
                self.subTest(name),
                mock.patch.object(saving, 'FUNCTIONS', changed),
                mock.patch.object(known.LOG, 'warning', autospec=True) as log,
            ):
                self.node.provision_state = states.CLEANING
                self.node.save()
                self.save()
                self.assertGreater(self.statements.count('SELECT'), 0)
                del self.statements[:]
            self.assertEqual(1, log.call_count)
            self.assertEqual(name, log.call_args.args[1]['name'])

    def test_a_decorated_function_is_called(self):
        real = objects.Node.save
        calls = []

        def save(*args):
            calls.append(args)
            return real(*args)

        elsewhere = functools.wraps(real)(
            types.FunctionType(
                save.__code__, {'__name__': 'site'}, closure=save.__closure__
            )
        )
        with mock.patch.object(objects.Node, 'save', elsewhere):
            self.save()
        self.assertEqual(1, len(calls))

    def test_the_wrapper_of_a_tracing_agent_is_called(self):
        for owner, name in (
            (objects.Node, 'save'),
            (api.Connection, 'update_node'),
            (api.Connection, '_do_update_node'),
        ):
            calls = []

            def trace(wrapped, instance, args, kwargs, calls=calls):
                calls.append(wrapped)
                return wrapped(*args, **kwargs)

            traced = wrapt.FunctionWrapper(vars(owner)[name], trace)
            with self.subTest(name), mock.patch.object(owner, name, traced):
                self.node.provision_state = states.CLEANING
                self.node.save()
                del calls[:]
                self.save()
                self.assertEqual(1, len(calls))

    def test_a_listener_is_told(self):
        for target, name in (
            (models.Node, 'before_update'),
            (models.Node, 'after_update'),
            (orm.Mapper, 'after_update'),
            (orm.Session, 'after_flush'),
        ):
            heard = mock.Mock(return_value=None)
            with self.subTest(f'{target} {name}'):
                self.node.provision_state = states.CLEANING
                self.node.save()
                sa.event.listen(target, name, heard)
                try:
                    self.save()
                finally:
                    sa.event.remove(target, name, heard)
                self.assertTrue(heard.called)

    def test_what_another_thread_has_saved_is_kept(self):
        other = objects.Node.get_by_uuid(self.context, self.node.uuid)
        other.driver_internal_info = {'theirs': 1}
        other.save()
        del self.statements[:]
        self.node.provision_state = states.AVAILABLE
        self.node.save()
        self.assertEqual(
            ['BEGIN', 'UPDATE', 'SELECT', 'UPDATE', 'SELECT'],
            self.statements,
        )
        self.assertEqual({'theirs': 1}, self.node.driver_internal_info)
        self.node.set_driver_internal_info('ours', 2)
        self.node.save()
        self.assertEqual(
            {'theirs': 1, 'ours': 2},
            objects.Node.get_by_uuid(
                self.context, self.node.uuid
            ).driver_internal_info,
        )

    def test_a_conflict_at_commit_is_retried(self):
        self.useFixture(async_fixtures.Conflicts(3))
        with mock.patch('tenacity.nap.time', autospec=True):
            self.save()

    def test_a_repair_in_the_place_of_a_function_is_known(self):
        self.useFixture(async_fixtures.Plugin())
        self.assertTrue(saving.FUNCTIONS.are_known())

    def test_the_lock_for_writing_comes_first_on_sqlite(self):
        self.node.name = 'renamed'
        with database.transaction():
            database.lock_for_writing()
            self.node.save()
        self.assertEqual(['BEGIN', 'UPDATE', 'SELECT'], self.statements[:3])

    def test_every_function_of_this_release_is_known(self):
        self.assertTrue(saving.FUNCTIONS.are_known())
