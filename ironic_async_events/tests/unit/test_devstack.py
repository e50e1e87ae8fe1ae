# SPDX-License-Identifier: Apache-2.0
"""The DevStack plugin: every phase, against a scratch ironic.conf.

DevStack's functions are a stand-in, or DevStack's own where the environment
variable ``DEVSTACK_DIR`` names a copy of its repository.
"""

from importlib import metadata
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from oslo_config import cfg
from oslotest import base

from ironic_async_events import conf as plugin_conf

_HERE = pathlib.Path(__file__).resolve().parent
_ROOT = _HERE.parents[2]
_PLUGIN = _ROOT / 'devstack'
_SHELL = [
    _PLUGIN / 'plugin.sh',
    _PLUGIN / 'settings',
    _PLUGIN / 'lib' / 'ironic-async-events',
    _HERE / 'devstack' / 'phases.sh',
    _HERE / 'devstack' / 'stand_in.sh',
]
_STACK = (
    'stack:pre-install',
    'stack:install',
    'stack:post-config',
    'stack:extra',
    'stack:test-config',
)
# What the tests need of Ironic's own plugin: ironic.conf is written anew in
# post-config and removed in clean.
_IRONIC = """
case "$1/$2" in
stack/post-config)
    cp "$SCRATCH/written-by-ironic" "$IRONIC_CONF_FILE"
    note 'ironic wrote ironic.conf'
    ;;
clean/*)
    rm -rf "$IRONIC_CONF_DIR"
    ;;
esac
"""
_CONF = """[DEFAULT]
debug = True
rpc_transport = json-rpc

[database]
connection = mysql+pymysql://ironic:secret@127.0.0.1/ironic
"""
_OUTBOX = """enable_service rabbit
IRONIC_ASYNC_EVENTS_DRIVER=async_events_outbox
IRONIC_ASYNC_EVENTS_TASK_MANAGER=native
"""


@unittest.skipUnless(_PLUGIN.is_dir(), 'not in a source tree')
class TestPhases(base.BaseTestCase):
    devstack = ''

    def setUp(self):
        super().setUp()
        self.scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        destination = self.scratch / 'stack'
        (destination / 'ironic' / 'devstack').mkdir(parents=True)
        (destination / 'ironic' / 'devstack' / 'plugin.sh').write_text(_IRONIC)
        (destination / 'ironic-async-events').symlink_to(_ROOT)
        self.written = self.scratch / 'written-by-ironic'
        self.written.write_text(_CONF)

    def _execute(self, *phases, localrc='', order=('', '-async-events')):
        enabled = ''.join(
            f'enable_plugin ironic{name} https://example.org/ironic{name}\n'
            for name in order
        )
        (self.scratch / 'localrc').write_text(enabled + localrc)
        return subprocess.run(
            ['bash', str(_HERE / 'devstack' / 'phases.sh'), *phases],
            env={
                'PATH': os.environ['PATH'],
                'DEST': str(self.scratch / 'stack'),
                'SCRATCH': str(self.scratch),
                'LOCALRC': str(self.scratch / 'localrc'),
                'DEVSTACK_DIR': self.devstack,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def _run(self, *phases, **kwargs):
        done = self._execute(*phases, **kwargs)
        self.assertEqual((0, ''), (done.returncode, done.stderr))

    def _text(self, name='etc/ironic.conf'):
        return (self.scratch / name).read_text()

    def _conf(self, name='etc/ironic.conf'):
        """Read a configuration as an Ironic service does."""
        conf = cfg.ConfigOpts()
        conf.register_opts(
            [cfg.MultiStrOpt('driver'), cfg.StrOpt('transport_url')],
            group='oslo_messaging_notifications',
        )
        conf.register_opt(cfg.StrOpt('notification_level'))
        conf.register_opt(cfg.StrOpt('rpc_transport'))
        plugin_conf.register(conf)
        conf([], default_config_files=[str(self.scratch / name)])
        return conf

    def _drivers(self, name='etc/ironic.conf'):
        return self._conf(name).oslo_messaging_notifications.driver

    def _calls(self):
        return self._text('calls').splitlines()

    def test_stack_adds_the_driver_and_the_options(self):
        self._run(*_STACK)
        self.assertEqual(['async_events'], self._drivers())
        conf = self._conf()
        self.assertEqual('json-rpc', conf.rpc_transport)
        self.assertIsNone(conf.notification_level)
        for option in plugin_conf.OPTS:
            # The options of the outbox keep their defaults.
            if option.dest.startswith('outbox_'):
                continue
            self.assertIn(f'\n{option.dest} = ', self._text())
            self.assertEqual(option.default, conf.async_events[option.dest])

    def test_the_driver_is_one_that_the_package_has(self):
        self._run(*_STACK)
        (name,) = self._drivers()
        found = metadata.entry_points(group='oslo.messaging.notify.drivers')
        self.assertIn(name, found.names)

    def test_the_package_is_installed_after_ironic_and_before_its_start(self):
        self._run(*_STACK)
        checkout = f'{self.scratch}/stack/ironic-async-events'
        self.assertEqual(
            [
                'stack:pre-install',
                'stack:install',
                f'setup_develop {checkout}',
                'stack:post-config',
                'ironic wrote ironic.conf',
                'stack:extra',
                'stack:test-config',
            ],
            self._calls(),
        )

    def test_configuring_twice_is_configuring_once(self):
        self._run(
            'stack:post-config',
            'keep:once',
            'keep:written-by-ironic',
            'stack:post-config',
        )
        self.assertEqual(self._text('once'), self._text())

    def test_stacking_twice_leaves_one_driver_line(self):
        self._run(*_STACK, *_STACK)
        self.assertEqual(['async_events'], self._drivers())

    def test_unstack_gives_ironics_file_back_byte_for_byte(self):
        self._run(*_STACK, 'keep:stacked', 'unstack:')
        self.assertNotEqual(_CONF, self._text('stacked'))
        self.assertEqual(_CONF, self._text())

    def test_unstack_twice_is_unstack_once(self):
        self._run(*_STACK, 'unstack:', 'unstack:')
        self.assertEqual(_CONF, self._text())

    def test_stack_after_unstack_is_as_stack(self):
        self._run(*_STACK, 'keep:first', 'unstack:', *_STACK)
        self.assertEqual(self._text('first'), self._text())

    def test_drivers_of_others_stay_in_their_order(self):
        others = (
            '[oslo_messaging_notifications]\ndriver = log\ndriver = test\n'
        )
        self.written.write_text(f'{_CONF}\n{others}')
        self._run(*_STACK, 'keep:stacked', 'unstack:')
        self.assertEqual(
            ['log', 'test', 'async_events'], self._drivers('stacked')
        )
        self.assertEqual(f'{_CONF}\n{others}', self._text())

    def test_options_of_others_in_the_same_section_stay(self):
        section = '[oslo_messaging_notifications]\nretry = 3\n'
        self.written.write_text(f'{_CONF}\n{section}')
        self._run(*_STACK, 'unstack:')
        self.assertEqual(f'{_CONF}\n{section}', self._text())

    def test_variables_of_local_conf_become_options(self):
        self._run(
            *_STACK,
            localrc='IRONIC_ASYNC_EVENTS_TASK_MANAGER=native\n'
            'IRONIC_ASYNC_EVENTS_START_TIMEOUT=1.5\n',
        )
        group = self._conf().async_events
        self.assertEqual('native', group.task_manager)
        self.assertEqual(1.5, group.start_timeout)

    def test_drivers_that_publish_are_set_up_and_undone(self):
        self._run(
            *_STACK,
            'keep:stacked',
            'unstack:',
            localrc='enable_service rabbit\n'
            'IRONIC_ASYNC_EVENTS_PUBLISH=messagingv2,log\n'
            'IRONIC_ASYNC_EVENTS_LEVEL=info\n',
        )
        conf = self._conf('stacked')
        self.assertEqual(
            ['messagingv2', 'log', 'async_events'], self._drivers('stacked')
        )
        self.assertEqual(
            'rabbit://stackrabbit:secret@192.0.2.1:5672/',
            conf.oslo_messaging_notifications.transport_url,
        )
        self.assertEqual('info', conf.notification_level)
        self.assertEqual(_CONF, self._text())

    def test_an_unknown_driver_is_refused_before_anything_is_installed(self):
        done = self._execute(
            *_STACK,
            localrc='IRONIC_ASYNC_EVENTS_DRIVER=async_event\n',
        )
        self.assertEqual(1, done.returncode)
        self.assertIn('use async_events or async_events_outbox', done.stderr)
        self.assertNotIn('setup_develop', self._text('calls'))

    def test_the_outbox_comes_when_ironics_tables_are_there(self):
        self._run(
            'stack:install',
            'stack:post-config',
            'keep:configured',
            'stack:extra',
            localrc=_OUTBOX,
        )
        # Until then Ironic's services start without it.
        self.assertIsNone(self._drivers('configured'))
        self.assertEqual(['async_events_outbox'], self._drivers())
        self.assertEqual(
            'native', self._conf('configured').async_events['task_manager']
        )

    def test_tables_are_created_before_services_are_restarted(self):
        self.written.write_text(
            f'{_CONF}\n[oslo_messaging_notifications]\ndriver = log\n'
        )
        self._run('stack:post-config', 'stack:extra', localrc=_OUTBOX)
        self.assertEqual(
            [
                'stack:extra',
                f'dbsync --config-file {self.scratch}/etc/ironic.conf upgrade,'
                ' drivers: log',
                'stop_process ir-api',
                'start_ironic_api',
                'stop_process ir-cond',
                'start_ironic_conductor',
            ],
            self._calls()[-6:],
        )
        self.assertEqual(['log', 'async_events_outbox'], self._drivers())

    def test_only_services_of_this_host_are_restarted(self):
        self._run(
            'stack:post-config',
            'stack:extra',
            localrc=f'{_OUTBOX}ENABLED_SERVICES=ir-cond,rabbit\n',
        )
        self.assertEqual(
            ['stop_process ir-cond', 'start_ironic_conductor'],
            self._calls()[-2:],
        )
        self.assertNotIn('start_ironic_api', self._text('calls'))

    def test_without_tables_no_service_is_restarted(self):
        done = self._execute(
            *_STACK, localrc=f'{_OUTBOX}export DBSYNC_EXIT=1\n'
        )
        self.assertEqual(1, done.returncode)
        self.assertIsNone(self._drivers())
        self.assertNotIn('stop_process', self._text('calls'))

    def test_the_outbox_publishes_on_devstacks_bus(self):
        self._run('stack:post-config', localrc=_OUTBOX)
        self.assertEqual(
            'rabbit://stackrabbit:secret@192.0.2.1:5672/',
            self._conf().oslo_messaging_notifications.transport_url,
        )

    def test_the_outbox_without_a_bus_is_refused_with_the_remedy(self):
        done = self._execute(
            *_STACK,
            localrc='RABBIT_HOST=\n'
            'IRONIC_ASYNC_EVENTS_DRIVER=async_events_outbox\n',
        )
        self.assertEqual(1, done.returncode)
        self.assertIn('enable_service rabbit', done.stderr)

    def test_a_driver_that_publishes_beside_the_outbox_is_refused(self):
        done = self._execute(
            *_STACK,
            localrc=f'{_OUTBOX}IRONIC_ASYNC_EVENTS_PUBLISH=messagingv2\n',
        )
        self.assertEqual(1, done.returncode)
        self.assertIn('would be sent twice', done.stderr)
        self.assertNotIn('stop_process', self._text('calls'))

    def test_the_outbox_before_ironics_plugin_is_found(self):
        done = self._execute(
            *_STACK, order=('-async-events', ''), localrc=_OUTBOX
        )
        self.assertEqual(1, done.returncode)
        self.assertIn("enable this plugin after Ironic's", done.stderr)
        self.assertNotIn('dbsync', self._text('calls'))

    def test_unstack_takes_the_outbox_out(self):
        self._run(*_STACK, 'unstack:', localrc=_OUTBOX)
        self.assertEqual(_CONF, self._text())

    def test_stacking_twice_leaves_one_line_of_the_outbox(self):
        self._run(*_STACK, *_STACK, localrc=_OUTBOX)
        self.assertEqual(['async_events_outbox'], self._drivers())

    def test_publishing_without_a_bus_is_refused_with_the_remedy(self):
        # DevStack knows a remote one by host and password.
        done = self._execute(
            *_STACK,
            localrc='RABBIT_HOST=\nIRONIC_ASYNC_EVENTS_PUBLISH=messagingv2\n',
        )
        self.assertEqual(1, done.returncode)
        self.assertIn('enable_service rabbit', done.stderr)

    def test_a_driver_that_local_conf_replaced_is_found_before_tests(self):
        self._run('stack:install', 'stack:post-config')
        conf = self.scratch / 'etc' / 'ironic.conf'
        conf.write_text(self._text().replace('async_events\n', 'log\n'))
        done = self._execute('stack:extra')
        self.assertEqual(1, done.returncode)
        self.assertIn('IRONIC_ASYNC_EVENTS_PUBLISH instead', done.stderr)

    def test_enabled_before_ironics_plugin_is_found_before_tests(self):
        done = self._execute(*_STACK, order=('-async-events', ''))
        self.assertEqual(1, done.returncode)
        self.assertIn('has no line', done.stderr)

    def test_a_disabled_service_leaves_ironic_alone(self):
        self._run(
            *_STACK,
            localrc='disable_service ironic-async-events\n',
        )
        self.assertEqual(_CONF, self._text())
        self.assertNotIn('setup_develop', self._text('calls'))

    def test_a_host_without_ironic_is_left_alone(self):
        self._run(*_STACK, localrc='ENABLED_SERVICES=key\n')
        self.assertEqual(_CONF, self._text())

    def test_clean_uninstalls_from_where_it_was_installed(self):
        self._run(*_STACK, 'unstack:', 'clean:')
        self.assertEqual(
            f'pip_uninstall ironic-async-events from {self.scratch}/venv',
            self._calls()[-1],
        )
        self.assertFalse((self.scratch / 'etc').exists())

    def test_clean_uninstalls_from_the_system_without_an_environment(self):
        self._run('clean:', localrc='GLOBAL_VENV=False\n')
        self.assertEqual(
            'pip_uninstall ironic-async-events from the system',
            self._calls()[-1],
        )


@unittest.skipUnless(os.environ.get('DEVSTACK_DIR'), 'no copy of DevStack')
class TestPhasesWithDevStack(TestPhases):
    devstack = os.environ.get('DEVSTACK_DIR', '')


@unittest.skipUnless(_PLUGIN.is_dir(), 'not in a source tree')
class TestStyle(base.BaseTestCase):
    def _check(self, program, *arguments):
        path = shutil.which(program)
        if path is None:
            self.skipTest(f'{program} is not installed')
        done = subprocess.run(
            [path, *arguments, *map(str, _SHELL)],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_shellcheck_finds_nothing(self):
        self._check('shellcheck', '-x')

    def test_bashate_finds_nothing(self):
        self._check('bashate', '--ignore=E006')
