# SPDX-License-Identifier: Apache-2.0
"""The plugin beside an Ironic that needs no other task manager.

The stand-in for a patched Ironic is the installed one, with the methods that
the series of ``patchset/`` brings. Real patched trees are for the functional
tests.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

import fixtures
import ironic
from oslotest import base

from ironic_async_events.patching import patched
from ironic_async_events.repairs import requirements as repairs
from ironic_async_events.task import requirements
from ironic_async_events.tests.unit import test_imports
from ironic_async_events.tests.unit.command import test_status

OTHER = """

class TaskManager(TaskManager):
    def process_event(self, event, target_state=None, last_error=None):
        self.post_process_event()

    def post_process_event(self):
        pass
"""
INSTALL = f"""
import json, sys
import {test_imports.FIRST}
from ironic.conductor import manager, task_manager
from ironic_async_events import patching, plugin
plugin.install()
if sys.argv[1:]:
    from ironic_async_events.outbox import requirements
    patching.register('outbox', requirements.REQUIREMENTS[:1])
# As a conductor that starts: from then on every module can be imported.
from osprofiler import opts
from oslo_config import cfg
opts.set_defaults(cfg.CONF)
patching.confirm()
state = patching.state()
print(json.dumps([state.active, state.left_out, state.refusal, state.patched,
                  task_manager.TaskManager.__module__]))
"""
TASK_MANAGER = 'ironic.conductor.task_manager'
MANAGER = 'ironic.conductor.manager.ConductorManager'


class StandIn(fixtures.Fixture):
    """A directory for ``PYTHONPATH`` with a patched Ironic."""

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
        source = conductor / 'task_manager.py'
        text = source.read_text()
        source.unlink()
        source.write_text(text + OTHER)


class ProcessTestCase(base.BaseTestCase):
    """Processes in which another Ironic is found first."""

    def run_python(self, *arguments):
        """Run a Python; return its exit code and what it has written."""
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ
            | {'PYTHONPATH': str(self.useFixture(StandIn()).path)},
        )
        return done.returncode, done.stdout, done.stderr

    def installed(self, *arguments):
        code, out, err = self.run_python('-c', INSTALL, *arguments)
        self.assertEqual(0, code, err)
        return json.loads(out.splitlines()[-1])

    def check(self, configuration):
        """Run the upgrade check; its table breaks its lines."""
        path = self.create_tempfiles([('ironic', configuration)], '.conf')[0]
        code, out, err = self.run_python(
            *('-m', 'ironic_async_events.command.status'),
            *('--config-file', path, 'upgrade', 'check'),
        )
        return code, ' '.join(out.replace('|', ' ').split()) + err

    def test_the_task_manager_stays_and_all_repairs_are_on(self):
        active, left_out, refusal, replaced, module = self.installed()
        self.assertTrue(active, refusal)
        self.assertEqual([], left_out)
        self.assertEqual(TASK_MANAGER, module)
        expected = {
            name
            for table in repairs.REQUIREMENTS.values()
            for requirement in table
            if requirement.place()  # not in every release
            for name in requirement.full_names
        }
        self.assertEqual({f'{MANAGER}.init_host'} | expected, set(replaced))

    def test_the_outbox_brings_its_own_seam(self):
        active, _, refusal, replaced, module = self.installed('outbox')
        self.assertTrue(active, refusal)
        self.assertIn(f'{TASK_MANAGER}.TaskManager', replaced)
        self.assertEqual('ironic_async_events.task.manager', module)

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


@unittest.skipIf(patched.is_patched(), 'this Ironic is not stock')
class StockTestCase(base.BaseTestCase):
    def test_stock_ironic_is_not_taken_for_a_patched_one(self):
        self.assertIs(requirements.REQUIREMENTS, requirements.table())
