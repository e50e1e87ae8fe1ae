# SPDX-License-Identifier: Apache-2.0
"""Each repair is switched by itself, and left out where it does not fit."""

from unittest import mock

from ironic import objects
from ironic.conductor import manager
from ironic.conductor import notification_utils
from ironic.conductor import task_manager
from ironic.db.sqlalchemy import api
from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslotest import base

from ironic_async_events import conf as async_conf
from ironic_async_events import patching
from ironic_async_events import plugin
from ironic_async_events.patching import installer
from ironic_async_events.patching import requirement
from ironic_async_events.repairs import requirements
from ironic_async_events.tests.unit import fixtures as async_fixtures

REPLACED = {
    'locks': (
        (task_manager.TaskManager, '__init__'),
        (task_manager.TaskManager, '_lock'),
        (task_manager.TaskManager, 'downgrade_lock'),
        (task_manager.TaskManager, 'release_resources'),
    ),
    'saves': ((objects.Node, 'save'),),
    'turns': ((api.Connection, '_do_update_node'),),
    'retries': (
        (api.Connection, '_do_update_node'),
        (oslo_db_api.DBAPI, '__getattr__'),
    ),
    'pool': ((manager.ConductorManager, '_init_executors'),),
    'orphans': ((manager.ConductorManager, '_check_orphan_nodes'),),
    'continuations': (
        (task_manager, 'acquire'),
        (notification_utils, 'emit_provision_set_notification'),
        (manager.ConductorManager, '_collect_periodic_tasks'),
    ),
}


def originals():
    """Return all that the repairs may replace, as it is now."""
    return {
        place: getattr(*place)
        for places in REPLACED.values()
        for place in places
    }


class RepairsTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        patching.uninstall()
        self.addCleanup(patching.uninstall)
        self.useFixture(async_fixtures.Options())
        self.before = originals()

    def install(self, *names):
        cfg.CONF.set_override('repairs', names, 'async_events')
        self.addCleanup(cfg.CONF.clear_override, 'repairs', 'async_events')
        plugin.install()
        self.assertTrue(patching.state().active, patching.state().refusal)

    def replaced(self):
        """Return the places at which repairs are at work."""
        now = originals()
        return {place for place in now if now[place] != self.before[place]}

    def assert_replaced(self, *names):
        self.assertEqual(
            {place for name in names for place in REPLACED[name]},
            self.replaced(),
        )

    def test_all_are_on_by_default(self):
        self.assertEqual(
            set(async_conf.REPAIRS), set(requirements.REQUIREMENTS)
        )
        plugin.install()
        self.assert_replaced(*requirements.REQUIREMENTS)
        patching.uninstall()
        self.assertEqual(self.before, originals())

    def test_each_is_switched_by_itself(self):
        for name in requirements.REQUIREMENTS:
            self.install(name)
            self.assert_replaced(name)
            patching.uninstall()
            self.assertEqual(self.before, originals())

    def test_without_any_ironic_locks_as_stock(self):
        self.install()
        self.assertEqual(self.before, originals())

    def test_an_unknown_name_is_refused_with_those_that_are_known(self):
        conf = cfg.ConfigOpts()
        path = self.create_tempfiles(
            [('ironic', '[async_events]\nrepairs = locks,lokcs\n')], '.conf'
        )[0]
        conf(['--config-file', path])
        with mock.patch.object(installer.LOG, 'error', autospec=True):
            plugin.install(conf)
        self.assertRegex(
            patching.state().refusal,
            r'\[async_events\] repairs .*locks, .*, continuations.*lokcs',
        )

    def test_a_repair_that_does_not_fit_is_left_out(self):
        gone = requirement.Requirement('futurist', 'Pool._gone', 'of this')
        with (
            mock.patch.dict(
                requirements.REQUIREMENTS,
                pool=(*requirements.REQUIREMENTS['pool'], gone),
            ),
            mock.patch.object(installer.LOG, 'warning', autospec=True) as log,
        ):
            plugin.install()
        self.assertTrue(patching.state().active)
        self.assert_replaced(*(requirements.REQUIREMENTS.keys() - {'pool'}))
        self.assertEqual(('pool',), patching.state().left_out)
        log.assert_called_once()
        line = log.call_args.args[0] % log.call_args.args[1]
        self.assertEqual(
            'ironic-async-events: the repair "pool" is left out: this Ironic '
            'has no futurist.Pool._gone, which is needed because of this',
            line,
        )

    def test_a_room_that_comes_late_is_patched_or_refused_with_the_rest(self):
        plugin.install()
        patching.register(
            'late',
            (
                requirement.Requirement(
                    'ironic.common.states', 'NOT_THERE', 'of this'
                ),
            ),
        )
        self.assertIn('NOT_THERE', patching.state().refusal)
        self.assertEqual(self.before, originals())
        patching.uninstall()
