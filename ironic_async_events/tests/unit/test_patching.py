# SPDX-License-Identifier: Apache-2.0

import dataclasses
import importlib.metadata
from unittest import mock

from ironic.conductor import manager
from ironic.conductor import task_manager as stock
from oslo_config import cfg
import oslo_messaging
from oslotest import base

from ironic_async_events import exceptions
from ironic_async_events import patching
from ironic_async_events import plugin
from ironic_async_events.patching import installer
from ironic_async_events.patching import patch
from ironic_async_events.patching import requirement
from ironic_async_events.task import drop_in
from ironic_async_events.task import manager as task_manager
from ironic_async_events.task import requirements
from ironic_async_events.tests.unit import fixtures as async_fixtures

PROCESS_EVENT = requirements.REQUIREMENTS[1]
# Some releases have no continue_node_service().
WRAPPED = tuple(
    name
    for name in (
        'continue_node_clean',
        'continue_node_deploy',
        'continue_node_service',
        '_do_abort',
    )
    if hasattr(manager.ConductorManager, name)
)
METHODS = (*WRAPPED, '__init__', 'init_host')


def everything():
    """Return all that the plugin may replace, as it is now."""
    owner = vars(manager.ConductorManager)
    return {
        'TaskManager': stock.TaskManager,
        **{name: owner.get(name, 'absent') for name in METHODS},
    }


class SiteTaskManager(drop_in.DropInTaskManager):
    """What a site might register as its own."""


class PatchingTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        patching.uninstall()
        self.addCleanup(patching.uninstall)
        self.useFixture(async_fixtures.Options())
        self.before = everything()
        self.assertIs(stock.TaskManager, self.before['TaskManager'])
        self.assertEqual(
            'ironic.conductor.task_manager', stock.TaskManager.__module__
        )

    def assert_stock(self):
        for name, thing in everything().items():
            self.assertIs(self.before[name], thing, name)

    def override(self, **options):
        for name, value in options.items():
            cfg.CONF.set_override(name, value, 'async_events')
            self.addCleanup(cfg.CONF.clear_override, name, 'async_events')

    def assert_refused(self, reason):
        with mock.patch.object(installer.LOG, 'error', autospec=True) as log:
            plugin.install()
        state = patching.state()
        self.assertFalse(state.active)
        self.assertEqual((), state.patched)
        self.assertRegex(state.refusal, reason)
        log.assert_called_once_with('ironic-async-events: %s', state.refusal)
        # Nothing is replaced but what keeps the conductor from starting.
        for name, thing in everything().items():
            if name not in ('__init__', 'init_host'):
                self.assertIs(self.before[name], thing, name)
        error = self.assertRaises(
            SystemExit, manager.ConductorManager, 'host', 'topic'
        )
        self.assertIsInstance(error, exceptions.RefusedToStart)
        self.assertEqual(f'ironic-async-events: {state.refusal}', error.code)
        patching.uninstall()
        self.assert_stock()

    def test_off_on_on_off_off(self):
        patching.uninstall()
        self.assert_stock()
        plugin.install()
        on = everything()
        self.assertIs(drop_in.DropInTaskManager, on['TaskManager'])
        for name in WRAPPED:
            self.assertIsNot(self.before[name], on[name])
        self.assertTrue(patching.state().active)
        plugin.install()
        self.assertEqual(on, everything())
        patching.uninstall()
        self.assert_stock()
        patching.uninstall()
        self.assert_stock()
        self.assertEqual(patching.State(), patching.state())
        plugin.install()
        self.assertTrue(patching.state().active)

    def test_wrapped_methods_keep_name_and_documentation(self):
        plugin.install()
        for name in WRAPPED:
            wrapped = getattr(manager.ConductorManager, name)
            self.assertEqual(name, wrapped.__name__)
            self.assertEqual(self.before[name].__doc__, wrapped.__doc__)

    def test_the_third_replacement_fails_and_the_first_two_are_undone(self):
        replace = patch.replace
        calls = []

        def fail_third(owner, name, value):
            calls.append(name)
            if len(calls) == 3:
                raise RuntimeError('third')
            return replace(owner, name, value)

        with mock.patch.object(
            patch, 'replace', autospec=True, side_effect=fail_third
        ):
            plugin.install()
        self.assertIn('third', patching.state().refusal)
        self.assertEqual(
            ['TaskManager', 'continue_node_clean', 'continue_node_deploy'],
            calls[:3],
        )
        self.assertIs(self.before['TaskManager'], stock.TaskManager)
        patching.uninstall()
        self.assert_stock()

    def with_requirements(self, *table):
        """Let the task manager rely on something else."""
        patcher = mock.patch.object(requirements, 'REQUIREMENTS', table)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_an_ironic_without_a_target_is_refused(self):
        self.with_requirements(
            dataclasses.replace(
                PROCESS_EVENT, names='TaskManager.not_there(self)'
            )
        )
        self.assert_refused('has no .*TaskManager.not_there')

    def test_an_ironic_with_other_parameters_is_refused(self):
        self.with_requirements(
            dataclasses.replace(
                PROCESS_EVENT, names='TaskManager.process_event(self, event)'
            )
        )
        self.assert_refused(r'process_event .* takes \(self, event, call')

    def test_what_is_optional_may_be_missing(self):
        optional = dataclasses.replace(
            PROCESS_EVENT,
            names='TaskManager.not_there(self)',
            optional=True,
        )
        self.with_requirements(*requirements.REQUIREMENTS, optional)
        plugin.install()
        self.assertTrue(patching.state().active)

    def test_an_ironic_without_what_its_methods_set_is_refused(self):
        self.with_requirements(
            requirement.Requirement(
                requirement.TASK_MANAGER, 'TaskManager._never_set', 'of this'
            )
        )
        self.assert_refused('has no .*TaskManager._never_set, .* of this')

    def test_what_is_imported_late_is_checked_at_the_start(self):
        self.with_requirements(
            *requirements.REQUIREMENTS,
            requirement.Requirement('ironic.not_there', 'x', 'of this'),
        )
        plugin.install()
        self.assertTrue(patching.state().active)
        with mock.patch.object(installer.LOG, 'error', autospec=True):
            error = self.assertRaises(
                exceptions.RefusedToStart,
                manager.ConductorManager.init_host,
                mock.Mock(),
            )
        self.assertIn('ironic.not_there cannot be imported', error.code)

    def test_a_repair_that_is_imported_late_is_left_out_as_a_whole(self):
        late = requirement.Requirement('ironic.not_there', 'x', 'of this')
        early = requirement.Requirement(
            requirement.MANAGER,
            'ConductorManager.init_host',
            'of this',
            wrap='not.there',
        )
        plugin.install()
        patching.register('repair', (early, late), required=False)
        with mock.patch.object(installer.LOG, 'warning', autospec=True) as log:
            patching.confirm()
        self.assertEqual(('repair',), patching.state().left_out)
        self.assertTrue(patching.state().active)
        log.assert_called_once()

    def test_an_unknown_task_manager_is_refused(self):
        self.override(task_manager='dropin')
        self.assert_refused('dropin is not known.* of: drop_in')

    def test_naming_the_task_managers_imports_none_of_them(self):
        unloaded = mock.Mock(**{'load.side_effect': AssertionError})
        unloaded.name = 'unloaded'
        known = importlib.metadata.EntryPoints((unloaded,))
        self.override(task_manager='dropin')
        with mock.patch.object(
            importlib.metadata,
            'entry_points',
            autospec=True,
            return_value=known,
        ):
            self.assert_refused('dropin is not known.* of: unloaded')
        self.assertFalse(unloaded.load.called)

    def test_a_task_manager_that_does_not_fit_is_refused(self):
        # Today's Ironic passes callbacks.
        entry_point = mock.Mock(driver=task_manager.AsyncTaskManager)
        with mock.patch(
            'stevedore.driver.DriverManager',
            autospec=True,
            return_value=entry_point,
        ):
            self.assert_refused('does not fit.*callback.*drop_in')

    def test_an_unusable_option_is_refused(self):
        conf = cfg.ConfigOpts()
        path = self.create_tempfiles(
            [('ironic', '[async_events]\nstart_timeout = soon\n')], '.conf'
        )[0]
        conf(['--config-file', path])
        with mock.patch.object(installer.LOG, 'error', autospec=True):
            plugin.install(conf)
        self.assertRegex(
            patching.state().refusal, r'\[async_events\] start_timeout'
        )

    def test_a_class_of_the_site_is_loaded_by_name(self):
        entry_point = mock.Mock(driver=SiteTaskManager)
        with mock.patch(
            'stevedore.driver.DriverManager',
            autospec=True,
            return_value=entry_point,
        ):
            plugin.install()
        self.assertIs(SiteTaskManager, stock.TaskManager)

    def test_a_class_that_is_no_task_manager_is_refused(self):
        entry_point = mock.Mock(driver=dict)
        with mock.patch(
            'stevedore.driver.DriverManager',
            autospec=True,
            return_value=entry_point,
        ):
            self.assert_refused('is not a subclass of ironic.conductor')


class DriverTestCase(base.BaseTestCase):
    """The entry point, as a notifier of oslo.messaging loads it."""

    def setUp(self):
        super().setUp()
        patching.uninstall()
        self.addCleanup(patching.uninstall)

    def notifier(self, **kwargs):
        transport = oslo_messaging.get_notification_transport(
            cfg.CONF, url='fake://'
        )
        self.addCleanup(transport.cleanup)
        return oslo_messaging.Notifier(transport, 'me', **kwargs)

    def test_a_notifier_with_the_driver_installs_the_plugin(self):
        notifier = self.notifier(driver='async_events')
        self.assertTrue(patching.state().active)
        # Sends nothing, and says nothing.
        notifier.info({}, 'event', {})

    def test_a_second_notifier_changes_nothing(self):
        self.notifier(driver='async_events')
        on = stock.TaskManager
        self.notifier(driver='async_events')
        self.assertIs(on, stock.TaskManager)

    def test_without_the_driver_ironic_is_stock(self):
        self.notifier(driver='noop')
        self.assertEqual(patching.State(), patching.state())
        self.assertEqual(
            'ironic.conductor.task_manager', stock.TaskManager.__module__
        )


class ReplaceTestCase(base.BaseTestCase):
    def test_what_was_inherited_is_inherited_again(self):
        class Base:
            def method(self):
                pass

        class Owner(Base):
            pass

        undo = patch.replace(Owner, 'method', None)
        self.assertIsNone(Owner.method)
        undo()
        self.assertNotIn('method', vars(Owner))
        self.assertIs(Base.method, Owner.method)

    def test_the_very_object_is_back(self):
        class Owner:
            method = staticmethod(len)

        original = vars(Owner)['method']
        patch.replace(Owner, 'method', None)()
        self.assertIs(original, vars(Owner)['method'])
