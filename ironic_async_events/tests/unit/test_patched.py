# SPDX-License-Identifier: Apache-2.0
"""The plugin beside an Ironic that needs no other task manager.

The stand-in for a patched Ironic is the installed one, with the package and
the parameters that the series of ``patchset/`` brings. Real patched trees are
for the functional tests.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest
from unittest import mock

import fixtures
import ironic
from oslo_config import cfg
from oslotest import base

from ironic_async_events.repairs import rows as repairs
from ironic_async_events.task import delivery
from ironic_async_events.task import patched
from ironic_async_events.task import rows
from ironic_async_events.task import snapshot
from ironic_async_events.tests.unit import fixtures as async_fixtures
from ironic_async_events.tests.unit import test_imports
from ironic_async_events.tests.unit.command import test_status

OTHER = """

class TaskManager(TaskManager):
    def process_event(self, event, target_state=None, last_error=None):
        self.post_process_event()

    def post_process_event(self):
        self._snapshot = None
"""
INSTALL = f"""
import json, sys
import {test_imports.FIRST}
from ironic.conductor import manager, task_manager
from ironic_async_events import patching, plugin
plugin.install()
state = patching.state()
print(json.dumps([state.active, state.left_out, state.refusal, state.patched,
                  task_manager.TaskManager.__module__]))
"""
OUTBOX = f"""
import json, sys
import {test_imports.FIRST}
before = set(sys.modules)
from ironic_async_events.outbox import service
service.use(None)
from ironic.conductor.transitions import delivery
print(json.dumps([type(delivery.current()).__module__,
                  [m for m in set(sys.modules) - before
                   if m.startswith('ironic.conductor')]]))
"""


class StandIn(fixtures.Fixture):
    """A directory for ``PYTHONPATH`` with a patched Ironic.

    :param whole: whether it has the whole series, or its first half.
    """

    def __init__(self, whole: bool = True) -> None:
        super().__init__()
        self._whole = whole

    def _setUp(self) -> None:
        self.path = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        installed = pathlib.Path(ironic.__path__[0])
        conductor = self.path / 'ironic' / 'conductor'
        conductor.mkdir(parents=True)
        for at in (installed, installed / 'conductor'):
            for each in at.iterdir():
                place = self.path / 'ironic' / each.relative_to(installed)
                if each.name != '__pycache__' and not place.exists():
                    place.symlink_to(each)
        transitions = conductor / 'transitions'
        transitions.mkdir(exist_ok=True)
        (transitions / '__init__.py').touch()
        for module in (delivery, snapshot):
            source = pathlib.Path(module.__file__)
            (transitions / source.name).write_text(source.read_text())
        if self._whole:
            source = conductor / 'task_manager.py'
            text = source.read_text()
            source.unlink()
            source.write_text(text + OTHER)


class ProcessTestCase(base.BaseTestCase):
    """Processes in which another Ironic is found first."""

    def run_python(self, stand_in, *arguments):
        """Run a Python; return its exit code and what it has written."""
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {'PYTHONPATH': str(stand_in.path)},
        )
        return done.returncode, done.stdout, done.stderr

    def installed(self, **kwargs):
        stand_in = self.useFixture(StandIn(**kwargs))
        code, out, err = self.run_python(stand_in, '-c', INSTALL)
        self.assertEqual(0, code, err)
        return json.loads(out.splitlines()[-1])

    def check(self, configuration):
        """Run the upgrade check; its table breaks its lines."""
        path = self.create_tempfiles([('ironic', configuration)], '.conf')[0]
        code, out, err = self.run_python(
            self.useFixture(StandIn()),
            *('-m', 'ironic_async_events.command.status'),
            *('--config-file', path, 'upgrade', 'check'),
        )
        return code, ' '.join(out.replace('|', ' ').split()) + err

    def test_the_task_manager_stays(self):
        active, left_out, refusal, replaced, module = self.installed()
        self.assertTrue(active, refusal)
        self.assertEqual([], left_out)
        self.assertEqual('ironic.conductor.task_manager', module)
        self.assertNotIn('ironic.conductor.task_manager.TaskManager', replaced)

    def test_all_repairs_are_on(self):
        expected = {
            name
            for table in repairs.ROWS.values()
            for row in table
            if getattr(row, 'wrap', None)
            for name in row.full_names
        }
        _, _, _, replaced, _ = self.installed()
        init_host = 'ironic.conductor.manager.ConductorManager.init_host'
        self.assertEqual({init_host} | expected, set(replaced))

    @unittest.skipIf(patched.is_patched(), 'this Ironic has the whole series')
    def test_a_part_of_the_series_is_refused(self):
        active, _, refusal, _, _ = self.installed(whole=False)
        self.assertFalse(active)
        self.assertRegex(refusal, 'process_event .* only the whole series')

    def test_the_outbox_is_the_delivery_of_ironic(self):
        stand_in = self.useFixture(StandIn())
        code, out, err = self.run_python(stand_in, '-c', OUTBOX)
        self.assertEqual(0, code, err)
        module, imported = json.loads(out.splitlines()[-1])
        self.assertEqual('ironic_async_events.outbox.transaction', module)
        # While a service parses its configuration, nothing else is imported.
        package = 'ironic.conductor.transitions'
        self.assertEqual(
            {'ironic.conductor', package, f'{package}.delivery'},
            set(imported),
        )

    def test_the_upgrade_check_says_the_same(self):
        code, text = self.check(test_status.GOOD)
        self.assertEqual(0, code, text)
        self.assertIn('Check: Ironic fits Result: Success', text)
        for title in ('Ironic fits', 'Task manager loads'):
            _, _, result = text.partition(f'Check: {title} Result: Success')
            self.assertIn(patched.ANSWER, result.partition('Check:')[0])

    def test_the_driver_line_may_be_missing(self):
        code, text = self.check(
            test_status.GOOD.replace('driver = async_events', '')
        )
        self.assertEqual(0, code, text)
        self.assertIn(f'The driver line is missing: {patched.ANSWER}', text)

    def test_the_upgrade_check_names_options_without_an_effect(self):
        code, text = self.check(
            f'{test_status.GOOD}[async_events]\n'
            'sequence_notifications = true\n'
            'task_manager = of_the_site\nstart_timeout = 7.5\n'
        )
        self.assertEqual(1, code, text)
        self.assertIn('task_manager = of_the_site is ignored', text)
        self.assertIn('sequence_notifications is ignored', text)
        self.assertIn('[conductor] worker_start_timeout = 7.5', text)


class StartTestCase(base.BaseTestCase):
    """What a conductor says when it starts."""

    def setUp(self):
        super().setUp()
        self.useFixture(async_fixtures.Options())

    def started(self, **options):
        """Start a conductor; return what was logged: levels and lines."""
        for name, value in options.items():
            cfg.CONF.set_override(name, value, 'async_events')
            self.addCleanup(cfg.CONF.clear_override, name, 'async_events')
        init_host = mock.Mock(__name__='init_host')
        wrapped = patched.rows(cfg.CONF)[-1].wrap(init_host)
        with mock.patch.object(patched, 'LOG', autospec=True) as log:
            wrapped('conductor', 'context')
        init_host.assert_called_once_with('conductor', 'context')
        return [
            (level, arguments[0] % arguments[1:])
            for level, arguments, _ in log.method_calls
        ]

    def test_it_says_one_line(self):
        for name in ('drop_in', 'native'):
            ((level, line),) = self.started(task_manager=name)
            self.assertEqual('info', level)
            self.assertIn(f'{patched.ANSWER}, its own task manager', line)
            self.assertIn('remove the line', line)

    def test_numbered_notifications_are_one_warning(self):
        _, (level, line) = self.started(sequence_notifications=True)
        self.assertEqual('warning', level)
        self.assertIn('sequence_notifications is ignored', line)

    def test_a_task_manager_of_the_site_is_one_warning(self):
        _, (level, line) = self.started(task_manager='of_the_site')
        self.assertEqual('warning', level)
        self.assertIn('task_manager = of_the_site is ignored', line)

    def test_a_time_to_wait_has_another_name(self):
        _, (level, line) = self.started(start_timeout=7.5)
        self.assertEqual('warning', level)
        self.assertIn('set [conductor] worker_start_timeout = 7.5', line)


@unittest.skipIf(patched.is_patched(), 'this Ironic is not stock')
class StockTestCase(base.BaseTestCase):
    def test_stock_ironic_is_not_taken_for_a_patched_one(self):
        self.assertIs(rows.ROWS, rows.table(cfg.CONF))
        self.assertIs(delivery, patched.delivery())
