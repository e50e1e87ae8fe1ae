# SPDX-License-Identifier: Apache-2.0
"""What the plugin imports and refuses in each of Ironic's services."""

import re
import sys

from ironic_async_events.tests.functional import base
from laboratory import processes
from laboratory import service

INSTALLED = 'ironic-async-events: TaskManager is now '
# What ``python -v`` says of each module that it has imported.
IMPORTED = re.compile(r"^import '([\w.]+)' #", re.MULTILINE)


class Imports(base.FunctionalTestCase):
    """What the plugin makes a service import, and what not."""

    def imported(self, name: str, *, plugin: bool) -> set[str]:
        """Start one service alone, and give the modules it has imported."""
        ironic = service.Ironic(
            self.useFixture(base.Directory()).path, plugin=plugin, split=True
        )
        ironic.create_schema()
        part = ironic.part(name, environment={'PYTHONVERBOSE': '1'})
        with part.start():
            if name == 'ironic-api':
                part.require(ironic.answers, 60, 'answer')
            else:
                part.require(
                    lambda: 'Created RPC server' in part.log.read_text(),
                    60,
                    'serve',
                )
        return set(IMPORTED.findall(part.log.read_text()))

    def test_the_api_imports_nothing_of_the_conductor(self):
        stock = self.imported('ironic-api', plugin=False)
        plugin = self.imported('ironic-api', plugin=True)
        self.assertIn('ironic_async_events.driver', plugin - stock)
        self.assertNotIn('ironic.conductor.manager', plugin)
        self.assertNotIn('ironic_async_events.task.manager', plugin)
        self.assertEqual(
            set(),
            {name for name in plugin - stock if name.startswith('ironic.')},
        )

    def test_the_conductor_imports_nothing_that_ironic_has_not_brought(self):
        stock = self.imported('ironic-conductor', plugin=False)
        plugin = self.imported('ironic-conductor', plugin=True)
        new = {name.partition('.')[0] for name in plugin} - {
            name.partition('.')[0] for name in stock
        }
        self.assertIn('ironic.conductor.manager', stock & plugin)
        self.assertIn('ironic_async_events.task.manager', plugin - stock)
        self.assertEqual(
            {'ironic_async_events'}, new - sys.stdlib_module_names
        )


class Refusal(base.FunctionalTestCase):
    """A conductor that was told to use the plugin never runs without it."""

    def refuse(self, name: str) -> tuple[int | None, str]:
        """Start a conductor with a task manager that does not exist."""
        ironic = service.Ironic(
            self.useFixture(base.Directory()).path,
            plugin=True,
            split=name != 'ironic',
            options={'async_events': {'task_manager': 'no_such'}},
        )
        ironic.create_schema()
        part = ironic.part(name)
        with part.start():
            processes.wait_for(lambda: part.returncode is not None, 60)
            return part.returncode, part.log.read_text()

    def assert_refused(self, name: str) -> None:
        """Assert that a command ends with a failure and says why."""
        code, log = self.refuse(name)
        self.assertNotIn(code, (None, 0))
        self.assertIn('[async_events] task_manager = no_such', log)
        self.assertIn('set it to one of: drop_in', log)
        self.assertNotIn(INSTALLED, log)
        self.assertNotIn('Created RPC server', log)

    def test_an_unknown_task_manager_keeps_ironic_from_starting(self):
        self.assert_refused('ironic')

    def test_an_unknown_task_manager_keeps_the_conductor_from_starting(self):
        self.assert_refused('ironic-conductor')
